import csv
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from keras_negact.datasets import load_dataset
from tests.support.pictures import assert_is_picture
from tests.support.tuning import small_network

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "tune_leni.py"
TINY = "--model on_off_cnn --limit 200 --epochs 1 --batch-size 20 --max-cost 1.5"
RESULTS = {"best_model.keras", "result.json", "trials.csv", "trials.png"}


def command(arguments, folder):
    return [sys.executable, str(SCRIPT), *arguments.split(), "--output-dir", str(folder)]


def environment():
    search_path = [str(ROOT), os.environ.get("PYTHONPATH")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search_path))}


def run(arguments, folder):
    finished = subprocess.run(
        command(arguments, folder), env=environment(), capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def trials_in(folder):
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def times_of_finished(folder):
    """When each finished trial was written."""
    files = folder.glob("search-*/trial_*/trial.json")
    return {file.parent.name: file.stat().st_mtime_ns for file in files}


def assert_best_model_reaches_its_score(folder):
    best = json.loads((folder / "result.json").read_text())
    assert best["score"] == max(float(row["score"]) for row in trials_in(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = keras.models.load_model(folder / "best_model.keras")
    data = load_dataset("digits", 20, limit=200)
    images, labels = zip(*data.validation.as_numpy_iterator(), strict=True)
    answers = model.predict(np.concatenate(images), verbose=0).argmax(axis=-1)
    accuracy = np.mean(answers == np.concatenate(labels))
    assert accuracy == pytest.approx(best["score"], abs=0.005)


@pytest.fixture
def script(monkeypatch, tmp_path):
    """The script as a module, with arguments given to `called_with`."""
    monkeypatch.chdir(tmp_path)
    specification = importlib.util.spec_from_file_location("tune_leni", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.called_with = lambda *arguments: monkeypatch.setattr(
        sys, "argv", ["tune_leni.py", *map(str, arguments)]
    )
    return module


def test_search_says_what_it_does_leaves_its_results_and_is_not_done_twice(
    script, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(script, "network_by_name", lambda *_: small_network())
    script.called_with(*TINY.split(), "--trials", 2, "--output-dir", tmp_path)
    script.main()
    told = capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} >= RESULTS
    assert "Trial 0 begins" in told
    rows = trials_in(tmp_path)
    # The default block and the network as it was, so that both are measured.
    assert {row["where"] for row in rows} == {"8x8+4x4", "nowhere"}
    assert all(float(row["relative_parameters"]) <= 1.5 for row in rows)
    assert_is_picture(tmp_path / "trials.png")
    assert_best_model_reaches_its_score(tmp_path)

    before = times_of_finished(tmp_path)
    script.main()
    again = capsys.readouterr().out
    assert times_of_finished(tmp_path) == before
    table = told.index("  block\n")
    assert again[again.index("  block\n") :] == told[table:]


@pytest.mark.parametrize(
    "arguments",
    [["--trials", "0"], ["--max-cost", "0.5"], ["--model", "no_such"], ["--tuner", "no_such"]],
)
def test_bad_values_are_refused_before_a_trial(script, arguments, tmp_path, capsys):
    script.called_with(*TINY.split(), *arguments, "--output-dir", tmp_path)
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert arguments[1] in f"{ended.value}{capsys.readouterr().err}"
    assert not list(tmp_path.glob("*/trial_*"))


def test_folder_of_another_search_is_refused_and_more_trials_are_not(
    script, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(script, "network_by_name", lambda *_: small_network())
    monkeypatch.setattr(script, "finish", lambda *_: None)
    monkeypatch.setattr(script.RandomSearch, "run_trial", lambda *_, **__: {"val_accuracy": 0.5})
    for trials in (1, 3):
        script.called_with(*TINY.split(), "--trials", trials, "--output-dir", tmp_path)
        script.main()
        assert len(times_of_finished(tmp_path)) == trials
    script.called_with(*TINY.split(), "--tuner", "grid", "--output-dir", tmp_path)
    with pytest.raises(SystemExit):
        script.main()
    assert "the tuner was RandomSearch, is GridSearch" in capsys.readouterr().err


@pytest.mark.slow
def test_two_workers_show_the_progress_and_leave_the_results(tmp_path):
    told = run(f"{TINY} --trials 3 --workers 2", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= RESULTS
    assert len(trials_in(tmp_path)) == 3
    assert told.count(" has val_accuracy ") == 3
    # keras-tuner prints the values of conditions, of which the user is to see none.
    assert not {"depthwise", "pointwise"} & set(told.splitlines())


@pytest.mark.slow
def test_trials_train_on_two_replicas(tmp_path):
    told = run(f"{TINY} --trials 1 --strategy mirrored --replicas 2", tmp_path)
    assert "Strategy: mirrored, 2 replicas" in told
    assert len(trials_in(tmp_path)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("tuner", ["random", "hyperband", "bayesian", "grid"])
def test_the_best_model_of_another_process_reaches_its_score(tuner, tmp_path):
    run(f"{TINY} --trials 3 --tuner {tuner}", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= RESULTS
    assert len(trials_in(tmp_path)) == 3
    assert_best_model_reaches_its_score(tmp_path)
