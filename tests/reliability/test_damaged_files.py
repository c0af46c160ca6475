"""Backups and state files that are damaged: refused or left out by name, and kept.

Those of a search are in `tests/tuning/search/test_files.py`, more backups in
`tests/training/test_backup.py`, unfinished runs of a comparison in
`tests/comparison/test_checkpoint.py`.
"""

import contextlib
import importlib.util
import io
import json
import sys
import zipfile

import keras
import pytest

from keras_negact.comparison import read_runs
from keras_negact.comparison.results import append_run
from keras_negact.training import Backup, fit
from tests.support.backends import tensorflow_only
from tests.support.comparisons import made_up_run
from tests.support.damage import OF_ANY_TEXT, as_bytes
from tests.support.processes import ROOT
from tests.support.small_training import small_data, small_model

pytestmark = tensorflow_only
X, Y = small_data()


def train(folder, **arguments):
    callbacks = [Backup(folder)]
    if arguments.pop("with_history", False) or (folder / "history.csv").exists():
        callbacks.append(keras.callbacks.CSVLogger(folder / "history.csv"))
    model = small_model(run_eagerly=True)
    return fit(model, X, Y, batch_size=10, verbose=0, callbacks=callbacks, **arguments)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train(folder, with_history=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def payloads(content):
    """Where the bytes of each part of a backup are, the largest first."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = sorted(archive.infolist(), key=lambda part: -part.file_size)
    for part in parts:
        begin = part.header_offset + 30 + len(part.filename)
        yield begin, begin + part.file_size


def flipped(content, position):
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


CUTS = (0.02, 0.1, 0.25, 0.4, 0.6, 0.75, 0.9, 0.99)
FLIPS = range(8)


@pytest.mark.parametrize("how", [*(f"cut at {cut}" for cut in CUTS), *FLIPS])
def test_a_backup_that_is_cut_or_flipped_anywhere_is_refused_and_kept(how, trained, tmp_path):
    whole = trained["backup.zip"]
    if how in FLIPS:
        begin, end = list(payloads(whole))[how]
        content = flipped(whole, (begin + end) // 2)
    else:
        content = whole[: int(len(whole) * float(how.split()[-1]))]
    (tmp_path / "backup.zip").write_bytes(content)
    with pytest.raises(ValueError, match=rf"{tmp_path}/backup\.zip is damaged .* It is kept"):
        train(tmp_path, epochs=2)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [content]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a\x00b\n1,2\n", b"<html>\n", b"\n\n3,4\n"])
def test_a_damaged_history_is_set_aside_and_training_goes_on(content, trained, tmp_path):
    (tmp_path / "backup.zip").write_bytes(trained["backup.zip"])
    (tmp_path / "history.csv").write_bytes(content)
    with pytest.warns(UserWarning, match=r"history\.csv is damaged .* kept as history\.csv\.dam"):
        train(tmp_path, epochs=2)
    assert (tmp_path / "history.csv.damaged").read_bytes() == content
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,")
    assert [line.split(",")[0] for line in lines[1:]] == ["1"]


DAMAGES = OF_ANY_TEXT | {
    "wrong values": lambda text: json.dumps({key: [5] for key in json.loads(text)}),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_line_of_results_is_left_out_by_its_number_and_kept(how, tmp_path):
    path = tmp_path / "runs.jsonl"
    append_run(path, made_up_run("relu", 0, 0.5))
    good = path.read_bytes()
    bad = as_bytes(DAMAGES[how](json.dumps(made_up_run("leni", 0, 0.5))))
    path.write_bytes(bad + b"\n" + good)
    # A line that is empty is none.
    warned = pytest.warns(UserWarning, match=f"{path}, line 1 is no run and is left out")
    with contextlib.nullcontext() if how == "empty" else warned:
        assert [run["variant"] for run in read_runs(path)] == ["relu"]
    assert path.read_bytes() == bad + b"\n" + good


@pytest.fixture(scope="module")
def examples():
    def load(name):
        specification = importlib.util.spec_from_file_location(
            name, ROOT / "examples" / f"{name}.py"
        )
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    return {name: load(name) for name in ("train_cifar",)}


WHOLE = {
    ("train_cifar", "config.json"): {"output_dir": "x", "epochs": 7, "dataset": "digits"},
    ("train_cifar", "result.json"): {"test_accuracy": 0.5, "epochs": 7},
}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("file", WHOLE, ids="-".join)
def test_a_damaged_file_of_a_command_is_refused_by_name_and_kept(
    file, how, examples, tmp_path, monkeypatch, capsys
):
    command, name = file
    path = tmp_path / name
    content = as_bytes(DAMAGES[how](json.dumps(WHOLE[file])))
    if name == "result.json":
        (tmp_path / "config.json").write_text(json.dumps(WHOLE["train_cifar", "config.json"]))
    path.write_bytes(content)
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "backup.zip").touch()
    arguments = ["--resume", "--dataset", "digits", "--output-dir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [f"{command}.py", *arguments])
    with pytest.raises(SystemExit) as caught:
        examples[command].main()
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert f"{path} is damaged" in said
    assert path.read_bytes() == content
