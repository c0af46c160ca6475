"""Commands that are given what they must not be: one sentence, the status 2, nothing done.

Each command runs in this process, so that TensorFlow is imported once for all of them.
"""

import importlib.util
import json
import shutil
import sys

import keras
import numpy as np
import pytest

from keras_negact import _tracebacks, launch
from keras_negact._command_line import stopping
from tests.support.backends import tensorflow_only
from tests.support.processes import ROOT

pytestmark = tensorflow_only

IN_ALL = [["--nonsense"]]
COUNTS = ("0", "-1", "2.5", "many", "nan", "")
OF_DATA = [
    *(["--limit", text] for text in ("0", "1", "-5", "2.5", "all")),
    ["--dataset", "imagenet"],
    ["--dataset", "cifar10", "--data-dir", "nowhere"],
    ["--dataset", "cifar10", "--data-dir", ""],
]
OF_TRAINING = [
    *([option, text] for option in ("--epochs", "--batch-size") for text in COUNTS),
    ["--model", "no_such_network"],
    ["--model", "cifar_resnet7", "--dataset", "digits"],
    ["--model", ""],
    ["--output-dir", "file"],
    ["--output-dir", "file/below"],
    ["--output-dir", "/proc/no/such"],
]
OF_SEEDS = [["--seed", text] for text in ("-1", "0.5", "nan", "x")]
OF_STRATEGIES = [
    *(["--replicas", text] for text in COUNTS),
    ["--strategy", "no_such"],
    ["--strategy", "none", "--replicas", "2"],
]
TABLE = {
    "train_cifar": [
        *IN_ALL,
        *OF_DATA,
        *OF_TRAINING,
        *OF_SEEDS,
        *OF_STRATEGIES,
        *(["--learning-rate", text] for text in ("nan", "inf", "0", "-1", "fast")),
        *(["--save-every", text] for text in COUNTS),
        ["--activation", "no_such"],
        ["--activation", ""],
        ["--strategy", "multi_worker"],
        ["--resume", "--output-dir", "damaged"],
        ["--resume", "--output-dir", "damaged_result"],
        ["--output-dir", "other_run"],
    ],
    "tune_leni": [
        *IN_ALL,
        *OF_DATA,
        *OF_TRAINING,
        *OF_SEEDS,
        *OF_STRATEGIES,
        *([option, text] for option in ("--trials", "--workers") for text in COUNTS),
        *(["--max-cost", text] for text in ("nan", "0.5", "0", "-1", "cheap", "inf")),
        ["--tuner", "no_such"],
        ["--cost", "seconds"],
        ["--strategy", "multi_worker"],
    ],
    "compare_activations": [
        *IN_ALL,
        *OF_DATA,
        *OF_TRAINING,
        *(["--seeds", text] for text in COUNTS),
        *(["--name", text] for text in ("../x", "/tmp/x", "a/b", "", "n" * 300, "two\nlines")),
        ["--activations", "no_such"],
        ["--activations"],
        ["--activations", "relu", "relu"],
        ["--reference", "gelu"],
    ],
    "inspect_negative_information": [
        [],
        ["nowhere.keras"],
        ["file"],
        ["damaged.keras"],
        ["."],
        *(["network.keras", *more] for more in [*IN_ALL, *OF_DATA[3:]]),
        *(["network.keras", "--limit", text] for text in COUNTS),
        *(["network.keras", "--image", text] for text in ("-1", "32", "x", "1.5")),
        *(["network.keras", "--npz", file] for file in ("nowhere.npz", "file", "other.npz")),
        ["network.keras", "--npz", "few.npz", "--image", "3"],
        ["network.keras", "--npz", "few.npz", "--site", "no_such"],
        ["network.keras", "--npz", "wrong_shape.npz"],
        ["network.keras", "--npz", "few.npz", "--output-dir", "file"],
        ["network.keras", "--npz", "few.npz", "--output-dir", "/proc/no/such"],
    ],
    "revive_network": [
        *IN_ALL,
        *OF_SEEDS,
        *(["--tasks", text] for text in (*COUNTS, "91")),
        *(["--images", text] for text in (*COUNTS, "49", "1798")),
        *(["--epochs", text] for text in COUNTS),
        *(["--learning-rate", text] for text in ("nan", "inf", "0", "-1", "2", "fast")),
        ["--activation", "no_such"],
        ["--output-dir", "file"],
        ["--output-dir", "/proc/no/such"],
    ],
    "swap_applications": [
        [],
        ["NoSuchNetwork"],
        ["imagenet_utils"],
        ["ResNet50", *IN_ALL[0]],
        *(["ResNet50", "--images", text] for text in COUNTS),
        *(["ResNet50", "--size", text] for text in COUNTS),
        ["ResNet50", "--weights", "nowhere.h5"],
        ["ResNet50", "--weights", "file"],
        ["ResNet50", "--weights", "damaged.weights.h5"],
        ["ResNet50", "--output", "no/such/folder/x.keras"],
        ["ResNet50", "--output", "folder"],
        ["ResNet50", "--activation", "no_such"],
        ["ResNet50", "--where", "("],
        ["ResNet50", "--where", "nothing that is there"],
        ["ResNet50", "--channels", "treble"],
        ["ResNet50", "--on-conflict", "ignore"],
    ],
    "launch": [
        [],
        ["--workers", "2"],
        ["--workers", "2", "nowhere.py"],
        ["--workers", "2", "folder"],
        *(["--workers", text, "script.py"] for text in COUNTS),
        *(["--workers", "1", "--cpus-per-worker", text, "script.py"] for text in (*COUNTS, "9999")),
        *(["--workers", "1", "--timeout", text, "script.py"] for text in ("nan", "0", "-5", "x")),
        *(["--workers", "1", "--grace", text, "script.py"] for text in ("nan", "-1", "inf", "")),
    ],
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder with files that are not what they should be."""
    tmp_path = tmp_path_factory.mktemp("prepared")
    network = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.ReLU(name="site")]
    )
    network.save(tmp_path / "network.keras")
    content = (tmp_path / "network.keras").read_bytes()
    (tmp_path / "damaged.keras").write_bytes(content[: len(content) // 2])
    (tmp_path / "file").write_text("some text")
    (tmp_path / "damaged.weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "folder").mkdir()
    (tmp_path / "script.py").write_text("raise SystemExit('it was started')")
    np.savez(tmp_path / "other.npz", y=np.zeros(3))
    np.savez(tmp_path / "few.npz", x=np.zeros((3, 8, 8, 1), "float32"))
    np.savez(tmp_path / "wrong_shape.npz", x=np.zeros((3, 5, 5), "float32"))
    for name, config, result in (
        ("damaged", "{", None),
        ("damaged_result", "{}", '{"accuracy": 1}'),
        ("other_run", json.dumps({"output_dir": "other_run", "epochs": 7}), None),
    ):
        (tmp_path / name / "backup").mkdir(parents=True)
        (tmp_path / name / "backup" / "backup.zip").touch()
        (tmp_path / name / "config.json").write_text(config)
        if result:
            (tmp_path / name / "result.json").write_text(result)
    return tmp_path


@pytest.fixture
def folder(prepared, tmp_path, monkeypatch):
    """Where the commands run."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    return tmp_path


def small_network(*_, weights=None, input_shape=None, **__):
    if input_shape and input_shape[0] < 8:
        raise ValueError(f"Input size must be at least 8x8; Received: {input_shape}")
    return keras.Sequential(
        [
            keras.Input(input_shape or (8, 8, 3)),
            keras.layers.Conv2D(2, 3),
            keras.layers.ReLU(),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


@pytest.fixture(scope="module")
def commands():
    """The main functions, by name."""
    found = {"launch": launch.main}
    for name in TABLE.keys() - {"launch"}:
        path = ROOT / "examples" / f"{name}.py"
        specification = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        found[name] = module.main
    return found


def files_in(folder):
    return {
        path.relative_to(folder): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".owner"
    }


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        pytest.param(command, arguments, id=f"{command} {' '.join(arguments)[:60]!r}")
        for command, table in TABLE.items()
        for arguments in table
    ],
)
def test_is_answered_with_one_sentence(command, arguments, commands, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"{command}.py", *arguments])
    monkeypatch.setattr(keras.applications, "ResNet50", small_network)
    before = files_in(folder)
    with pytest.raises(SystemExit) as caught:
        commands[command]()
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    # Behind the usage, where `argparse` has found it.
    sentence = said[said.rindex("error: ") :]
    assert 20 < len(sentence) < 1500
    command_for_data = "tensorflow_datasets" in sentence
    assert len(sentence.splitlines()) == 1 + command_for_data
    assert files_in(folder) == before


def test_lost_files_end_a_command_with_the_name_of_the_traceback(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["command.py"])
    with pytest.raises(SystemExit) as caught, stopping():
        (tmp_path / "gone" / "file").write_text("")
    assert caught.value.code == 1
    (kept,) = tmp_path.iterdir()
    said = capsys.readouterr().err
    assert said.startswith("command.py: error: [Errno 2] No such file or directory")
    assert said.endswith(f"The traceback is in {kept}.\n")
    assert len(said.splitlines()) == 1
    assert "test_command_lines.py" in kept.read_text()


def test_an_error_is_shown_in_one_sentence_and_others_as_ever(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shown = []
    monkeypatch.setattr(sys, "excepthook", lambda *error: shown.append(error[1]))
    error = _tracebacks.shown_in_one_sentence(ConnectionError("Worker 0 lost worker 1"))
    other = ValueError("other")
    for one in (other, error):
        sys.excepthook(type(one), one, None)
    assert shown == [other]
    (kept,) = tmp_path.iterdir()
    assert capsys.readouterr().err == f"Worker 0 lost worker 1. The traceback is in {kept}.\n"
