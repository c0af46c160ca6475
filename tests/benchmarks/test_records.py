"""Runs of the studies that are no comparisons, on their way from one call to the next."""

import functools
import pathlib
import types

import numpy as np
import pytest

from keras_negact.comparison.results import append_run

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
PROTOCOL = {"network": "none", "rates": (1e-3, 1e-2), "epochs": 30}


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.fixture
def finished(benchmarks, tmp_path):
    import _records

    run = {"variant": "relu", "seed": 0, "protocol": PROTOCOL}
    append_run(tmp_path / "runs.jsonl", run)
    return functools.partial(_records.finished, tmp_path)


def test_finished_runs_are_those_of_the_protocol(finished):
    assert finished(PROTOCOL) == {("relu", 0)}


@pytest.mark.parametrize("changes", [{"epochs": 5}, {"rates": [1e-3]}, {"images": 40}])
def test_runs_of_another_protocol_are_not_gone_on_with(finished, changes):
    with pytest.raises(SystemExit, match=f"another protocol.*{next(iter(changes))}.*--output-dir"):
        finished(PROTOCOL | changes)


@pytest.mark.parametrize("study", ["random_labels", "permuted", "revival"])
def test_no_study_mixes_protocols(benchmarks, tmp_path, monkeypatch, study):
    """Nothing is trained: the check comes first."""
    import _plastic_studies

    monkeypatch.setattr(_plastic_studies, "plastic_cnn", None)
    monkeypatch.setattr(_plastic_studies, "plastic_mlp", None)
    append_run(tmp_path / "runs.jsonl", {"variant": "relu", "seed": 0, "protocol": PROTOCOL})
    settings = types.SimpleNamespace(
        epochs=5, images=40, variants=["relu"], seeds=1, tasks=2, rates=[1e-3]
    )
    if study == "revival":
        settings.variants = ["leni"]
    images = np.zeros((40, 32, 32, 3), "uint8")
    with pytest.raises(SystemExit, match="epochs 30 and 5"):
        _plastic_studies.STUDIES[study](images, np.zeros(40), tmp_path, settings)
