"""Files that somebody made to run a program of theirs: none is run.

What is loaded may be refused or not; that nothing is executed is seen by Python's own audit.
"""

import json
import pickle
import sys
import zipfile

import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU, clone_with_activation
from keras_negact.comparison import read_runs
from keras_negact.comparison.checkpoint import Checkpoint
from keras_negact.training import Backup
from keras_negact.training.packing import unpack
from tests.support.backends import tensorflow_only

pytestmark = tensorflow_only
EXECUTING = (
    "os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn",
    "pickle.find_class", "socket.connect",
)  # fmt: skip
_executed = None


def _audit(event, arguments):
    if _executed is not None and event in EXECUTING:
        _executed.append((event, arguments))


@pytest.fixture(scope="module", autouse=True)
def audit():
    # An audit hook stays for as long as the process lives.
    sys.addaudithook(_audit)


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """What was executed while the test ran."""
    global _executed
    monkeypatch.chdir(tmp_path)
    _executed = []
    yield _executed
    _executed = None


class Hostile:
    def __reduce__(self):
        import os

        return os.system, ("touch executed",)


COMMAND = "touch executed"
SYSTEM = {"module": "os", "class_name": "system", "config": COMMAND, "registered_name": None}
POPEN = {
    "module": "subprocess",
    "class_name": "Popen",
    "config": {"args": COMMAND, "shell": True},
    "registered_name": "Popen",
}
FUNCTION = {
    "module": "os", "class_name": "function", "config": "system", "registered_name": "system"
}  # fmt: skip
BUILTIN = {
    "module": "builtins",
    "class_name": "function",
    "config": "exec",
    "registered_name": "function",
}
LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {
        "name": "lambda",
        "function": {
            "class_name": "__lambda__",
            "config": {"code": "aW1wb3J0IG9zCg==", "defaults": None, "closure": None},
        },
    },
    "registered_name": None,
}
EVIL = {"system": SYSTEM, "popen": POPEN, "function": FUNCTION, "exec": BUILTIN, "lambda": LAMBDA}
FIELDS = (
    "activation",
    "transform",
    "normalization",
    "kernel_initializer",
    "kernel_regularizer",
    "scale_constraint",
)


def attempt(action):
    """Load; a refusal is as good as a result."""
    try:
        return action()
    except Exception:
        return None


@pytest.mark.parametrize("kind", EVIL)
@pytest.mark.parametrize("field", FIELDS)
def test_a_config_of_leni_executes_nothing(field, kind, executed, tmp_path):
    config = {**LENI().get_config(), field: EVIL[kind]}
    layer = attempt(lambda: LENI.from_config(config))
    if layer is not None:
        attempt(lambda: layer(np.ones((1, 4, 4, 2), "float32")))
    assert executed == []
    assert not (tmp_path / "executed").exists()


def saved(path, change):
    """A network's file whose configuration was changed by somebody."""
    inputs = keras.Input((4, 4, 2))
    model = keras.Model(inputs, OnOffReLU()(LENI()(keras.layers.Conv2D(2, 1)(inputs))))
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(content["config.json"])
    change(config)
    content["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in content.items():
            archive.writestr(name, part)


def put_layer(evil):
    def change(config):
        config["config"]["layers"][2].update(
            {key: evil[key] for key in ("module", "class_name", "config", "registered_name")}
            if "module" in evil
            else evil
        )

    return change


def put_field(evil):
    return lambda config: config["config"]["layers"][2]["config"].update(activation=evil)


def put_compile(evil):
    return lambda config: config.update(
        compile_config={"optimizer": evil, "loss": evil, "metrics": [evil]}
    )


def put_model(evil):
    return lambda config: config.update(evil)


@pytest.mark.parametrize("kind", EVIL)
@pytest.mark.parametrize("put", [put_layer, put_field, put_compile, put_model])
def test_a_file_of_a_network_executes_nothing(put, kind, executed, tmp_path):
    saved(tmp_path / "network.keras", put(EVIL[kind]))
    model = attempt(lambda: keras.models.load_model(tmp_path / "network.keras"))
    if isinstance(model, keras.Model):
        attempt(lambda: clone_with_activation(model, "relu", source="all"))
    assert executed == []
    assert not (tmp_path / "executed").exists()


def archive_of(text):
    return lambda path: zipfile.ZipFile(path, "w").writestr("document.json", text)


STATES = {
    "a pickle": lambda path: path.write_bytes(pickle.dumps(Hostile())),
    "a pickle in NumPy's file": lambda path: np.save(
        path.open("wb"), np.array([Hostile()], dtype=object), allow_pickle=True
    ),
    "an operation": archive_of('{"op": "__builtins__"}'),
    "a path": archive_of('{"array": "/../../etc/passwd", "dtype": "uint8", "shape": [1]}'),
    "objects": archive_of('{"array": 0, "dtype": "object", "shape": [1]}'),
}


@pytest.mark.parametrize("kind", STATES)
def test_a_state_file_executes_nothing(kind, executed, tmp_path):
    path = tmp_path / "backup.zip"
    STATES[kind](path)
    attempt(lambda: unpack(path.read_bytes()))
    attempt(Backup(tmp_path).read)
    path.rename(tmp_path / "runs.jsonl")
    with pytest.warns(UserWarning, match="is no run"):
        attempt(lambda: read_runs(tmp_path))
    assert executed == []
    assert not (tmp_path / "executed").exists()


def test_an_unfinished_run_of_the_first_version_executes_nothing(executed, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    checkpoint = Checkpoint(tmp_path, "relu", 0, {})
    record = np.array([Hostile()], dtype=object)
    np.savez(checkpoint._path.with_suffix(".npz"), record=record, allow_pickle=True)
    attempt(lambda: checkpoint.restore(model))
    assert executed == []
    assert not (tmp_path / "executed").exists()


def test_the_audit_sees_what_would_be_executed(executed, tmp_path):
    pickle.loads(pickle.dumps(Hostile()))
    assert {event for event, _ in executed} >= {"os.system", "pickle.find_class"}
    assert (tmp_path / "executed").exists()
