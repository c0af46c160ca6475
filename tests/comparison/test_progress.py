import numpy as np
import pytest

from keras_negact.comparison.progress import Progress


def two_runs(verbose):
    with Progress(3, 1, "accuracy", verbose) as progress:
        for seed in (1, 2):
            progress.starts("leni", seed, 4)
            progress.epoch(3, {"loss": 0.5, "f1_score": np.array([0.1, 0.2])})
            progress.finishes(0.25 if seed == 1 else None, 7.4)


@pytest.mark.parametrize("verbose", [1, "auto", 2])
def test_in_a_file_it_is_a_line_for_each_run(verbose, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    two_runs(verbose)
    told, errors = capsys.readouterr()
    assert told.splitlines() == [
        "1 of 3 runs are finished already.",
        "[2/3] leni, seed 1: accuracy 0.2500, 7 s; about 0 min left",
        "[3/3] leni, seed 2: accuracy not a number, 7 s; about 0 min left",
    ]
    assert not errors


def test_on_a_terminal_it_shows_the_epoch_too(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    two_runs(1)
    told = capsys.readouterr().out
    assert "leni, seed 2: epoch 3/4, loss 0.5000" in told
    assert "[2/3] leni, seed 1: accuracy 0.2500" in told


def test_silent(capsys):
    two_runs(0)
    assert capsys.readouterr() == ("", "")
