"""Files that somebody made to run a program of theirs: none is run.

What is loaded may be refused or not; that nothing is executed is seen by Python's own audit.
"""

import io
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
from keras_negact.training.backup_file import BackupFile
from keras_negact.training.state import rewind
from keras_negact.tuning import trial_rows
from tests.support.backends import tensorflow_only
from tests.support.toy_search import toy_tuner

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
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("document.json", text)
    return content.getvalue()


def numpy_file(save):
    content = io.BytesIO()
    save(content, np.array([Hostile()], dtype=object))
    return content.getvalue()


CONTENTS = {
    "a pickle": pickle.dumps(Hostile()),
    "a pickle in NumPy's file": numpy_file(np.save),
    "a pickle in NumPy's archive": numpy_file(lambda file, array: np.savez(file, record=array)),
    "an operation": archive_of('{"op": "__builtins__"}'),
    "a path": archive_of('{"array": "/../../etc/passwd", "dtype": "uint8", "shape": [1]}'),
    "objects": archive_of('{"array": 0, "dtype": "object", "shape": [1]}'),
    "a configuration": json.dumps(SYSTEM).encode(),
    "a program": f"__import__('os').system({COMMAND!r})\n".encode(),
}


class Work:
    """A folder with a file of every kind that the package reads back, and who reads it."""

    def __init__(self, folder):
        self.model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        self.model.compile("sgd", "mse")
        self.tuner = toy_tuner("random", folder, max_trials=1)
        self.tuner.search(verbose=0)
        trial = folder / "search" / "trial_0"
        self.checkpoint = Checkpoint(folder / "unfinished", "relu", 0, {})
        unfinished = self.checkpoint._path
        unfinished.parent.mkdir()
        self.readers = {
            folder / "backup.zip": BackupFile(folder).read,
            folder / "history.csv": self._rewind,
            folder / "runs.jsonl": lambda: read_runs(folder),
            unfinished: self._restore,
            unfinished.with_suffix(".npz"): self._restore,
            folder / "search" / "oracle.json": self.tuner.oracle.reload,
            folder / "search" / "search.json": lambda: toy_tuner("random", folder),
            trial / "trial.json": self.tuner.oracle.reload,
            trial / "run.json": lambda: trial_rows(self.tuner),
            trial / "checkpoint.weights.h5": self.tuner.get_best_models,
        }

    def _restore(self):
        self.checkpoint.restore(self.model)

    def _rewind(self):
        rewind(keras.callbacks.CSVLogger(next(iter(self.readers)).with_name("history.csv")), 1)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return Work(tmp_path_factory.mktemp("work"))


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.filterwarnings("ignore")
def test_a_file_of_the_package_executes_nothing(kind, work, executed, tmp_path):
    for path, read in work.readers.items():
        before = path.read_bytes() if path.exists() else None
        path.write_bytes(CONTENTS[kind])
        attempt(read)
        assert executed == [], path.name
        assert not (tmp_path / "executed").exists(), path.name
        if before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before)


def test_the_audit_sees_what_would_be_executed(executed, tmp_path):
    pickle.loads(pickle.dumps(Hostile()))
    assert {event for event, _ in executed} >= {"os.system", "pickle.find_class"}
    assert (tmp_path / "executed").exists()
