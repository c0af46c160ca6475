import csv
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from keras_negact.datasets import load_dataset
from tests.support.pictures import assert_is_picture

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "train_cifar.py"
DATA_DIR = os.environ.get("KERAS_NEGACT_DATA", str(ROOT.parent / "shared" / "data" / "tfds"))
needs_cifar10 = pytest.mark.skipif(
    not (pathlib.Path(DATA_DIR) / "cifar10").is_dir(),
    reason=f"cifar10 is not in {DATA_DIR}: set KERAS_NEGACT_DATA",
)
TINY = "--dataset digits --model cifar_resnet8 --batch-size 8 --limit 400 --epochs 3"
RESULTS = {"model.keras", "history.csv", "config.json", "result.json", "curves.png"}


def command(arguments, *paths_and_more):
    return [sys.executable, str(SCRIPT), *arguments.split(), *map(str, paths_and_more)]


def environment():
    search_path = [str(ROOT), os.environ.get("PYTHONPATH")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search_path))}


def run(arguments, *paths_and_more):
    finished = subprocess.run(
        command(arguments, *paths_and_more),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout.splitlines()


def history_of(folder):
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def assert_finished(folder, lines, epochs):
    assert {path.name for path in folder.iterdir()} >= RESULTS
    assert not list(folder.glob("unfinished_*"))
    assert [row["epoch"] for row in history_of(folder)] == [str(n) for n in range(epochs)]
    assert lines[-1] == f"Test accuracy: {result_of(folder)['test_accuracy']:.4f}"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted") / "made" / "by" / "the" / "script"
    return folder, run(f"{TINY} --output-dir", folder)


@pytest.fixture
def script():
    specification = importlib.util.spec_from_file_location("train_cifar", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_run_says_what_it_does_and_leaves_its_results(uninterrupted):
    folder, lines = uninterrupted
    assert_finished(folder, lines, epochs=3)
    assert next(iter(history_of(folder)[0])) == "epoch"
    report = "\n".join(lines)
    model = keras.models.load_model(folder / "model.keras")
    for part in ("360 train, 40 validation, 360 test", f"{model.count_params():,}", "1 x "):
        assert part in report
    result = result_of(folder)
    assert result["parameters"] == model.count_params()
    assert result["seconds"] > 0
    assert_is_picture(folder / "curves.png")
    config = json.loads((folder / "config.json").read_text())
    assert (config["activation"], config["epochs"], config["seed"]) == ("leni", 3, 0)


def test_saved_model_reaches_the_reported_accuracy(uninterrupted):
    folder, _ = uninterrupted
    model = keras.models.load_model(folder / "model.keras")
    images, labels = zip(*load_dataset("digits", 64).test.as_numpy_iterator(), strict=True)
    predicted = model.predict(np.concatenate(images), verbose=0).argmax(axis=-1)
    accuracy = np.mean(predicted == np.concatenate(labels))
    assert accuracy == pytest.approx(result_of(folder)["test_accuracy"], abs=1e-6)


@pytest.mark.slow
def test_killed_run_resumes_and_ends_with_the_same_weights(uninterrupted, tmp_path):
    arguments = (f"{TINY} --resume --output-dir", tmp_path)
    process = subprocess.Popen(
        command(*arguments), env=environment(), stdout=subprocess.PIPE, text=True
    )
    history = tmp_path / "history.csv"
    while process.poll() is None and not (history.exists() and len(history_of(tmp_path)) >= 1):
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    output = process.communicate()[0]
    assert f"No epoch is finished in {tmp_path}: starting with the first." in output
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "result.json").exists()

    lines = run(*arguments)
    assert_finished(tmp_path, lines, epochs=3)
    expected_folder, _ = uninterrupted
    model, expected = (
        keras.models.load_model(folder / "model.keras") for folder in (tmp_path, expected_folder)
    )
    for weight, expected_weight in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_allclose(weight, expected_weight, rtol=0, atol=1e-6, err_msg=weight.path)
    for row, expected_row in zip(history_of(tmp_path), history_of(expected_folder), strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert float(row[name]) == pytest.approx(float(expected_row[name]), abs=1e-5)


def test_resuming_a_finished_run_says_so_and_leaves_it_as_it_is(
    uninterrupted, script, monkeypatch, capsys
):
    folder, lines = uninterrupted
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--resume", "--output-dir", str(folder)])
    script.main()
    said = capsys.readouterr().out.splitlines()
    assert said == [f"The run in {folder} is finished: nothing to resume.", lines[-1]]
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.slow
def test_two_replicas_train_an_on_off_network(tmp_path):
    lines = run(
        "--dataset digits --limit 100 --epochs 1 --strategy mirrored --replicas 2 "
        "--model on_off_cnn --activation on_off_relu --output-dir",
        tmp_path,
    )
    assert_finished(tmp_path, lines, epochs=1)
    assert any(line.startswith("Devices   2 x ") for line in lines)


@needs_cifar10
def test_real_images_train_a_mixed_network(tmp_path):
    lines = run(
        "--dataset cifar10 --limit 100 --epochs 1 --model cifar_resnet8 --activation on_off_relu "
        "--output-dir",
        tmp_path,
        "--data-dir",
        DATA_DIR,
    )
    assert_finished(tmp_path, lines, epochs=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        "--model MobileNetV2 --activation leni",
        "--model MobileNetV2 --activation on_off_relu",
        "--model cifar_resnet8 --mixed-precision --jit-compile",
        "--model cifar_resnet8 --strategy mirrored",
        "--model on_off_cnn --activation gelu",
    ],
)
def test_other_networks_precisions_and_strategies_train(arguments, tmp_path):
    lines = run(f"--dataset digits --limit 100 --epochs 1 {arguments} --output-dir", tmp_path)
    assert_finished(tmp_path, lines, epochs=1)


@pytest.fixture
def settings_of(script, monkeypatch, tmp_path):
    """Reads a command line with the script's own parser, in an empty working folder."""
    monkeypatch.chdir(tmp_path)

    def read(*arguments):
        monkeypatch.setattr(sys, "argv", ["train_cifar.py", *map(str, arguments)])
        return script.read_settings()

    return read


def test_auto_takes_digits_and_says_so_where_cifar10_is_not_prepared(settings_of, tmp_path, capsys):
    settings = settings_of("--data-dir", tmp_path)
    assert settings.dataset == "digits"
    assert settings.output_dir == os.path.join("runs", "digits-cifar_resnet20-leni")
    assert "CIFAR-10 is not prepared here" in capsys.readouterr().out


@needs_cifar10
def test_auto_takes_cifar10_where_it_is_prepared(settings_of):
    assert settings_of("--data-dir", DATA_DIR).dataset == "cifar10"


def finish_an_epoch(folder, settings):
    (folder / "config.json").write_text(json.dumps(vars(settings)))
    (folder / "backup").mkdir()
    (folder / "backup" / "backup.zip").touch()


def test_folder_of_another_run_is_refused(settings_of, tmp_path, capsys):
    settings = settings_of("--dataset", "digits", "--output-dir", tmp_path)
    finish_an_epoch(tmp_path, settings)
    with pytest.raises(SystemExit):
        settings_of("--dataset", "digits", "--output-dir", tmp_path)
    assert "holds a run already" in capsys.readouterr().err


def test_resuming_with_other_settings_is_refused_and_missing_ones_are_taken_over(
    settings_of, tmp_path, capsys
):
    started = settings_of("--dataset", "digits", "--epochs", 7, "--output-dir", tmp_path)
    finish_an_epoch(tmp_path, started)
    resumed = settings_of("--output-dir", tmp_path, "--resume", "--strategy", "none")
    assert (resumed.dataset, resumed.epochs, resumed.strategy) == ("digits", 7, "none")
    with pytest.raises(SystemExit):
        settings_of("--output-dir", tmp_path, "--resume", "--epochs", 8)
    assert "epochs was 7, is 8" in capsys.readouterr().err


def test_absent_data_is_said_with_the_command_that_fetches_it(script, settings_of, tmp_path):
    settings = settings_of("--dataset", "cifar10", "--data-dir", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"tfds\.load"):
        script.load_data(settings)


def test_a_network_that_is_not_known_is_answered_with_those_that_are(settings_of):
    with pytest.raises(ValueError, match=r"one of cifar_resnet20 .*Received: 'no_such'"):
        settings_of("--model", "no_such")
