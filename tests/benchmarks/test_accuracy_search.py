"""How `benchmarks/accuracy.py` chooses learning rates."""

import importlib
import inspect
import pathlib
from types import SimpleNamespace

import pytest

from keras_negact.comparison import ACTIVATIONS, activation_variants
from keras_negact.comparison.results import append_run
from tests.support.comparisons import made_up_run, tiny_network

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
PROTOCOL = SimpleNamespace(peak=0.1, weight_decay=0.005)


@pytest.fixture
def search(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("_accuracy_search")


def test_every_activation_has_the_same_budget(search):
    candidates = search.candidates(tiny_network, PROTOCOL, steps=100)
    assert len(candidates) == 3 * len(ACTIVATIONS)
    rates = [candidates[f"{name} x2"]().optimizer.get_config() for name in ("relu", "leni")]
    for config in rates:
        assert config["learning_rate"]["config"]["warmup_target"] == pytest.approx(0.2)


def test_the_best_on_validation_is_chosen_and_nothing_where_nothing_was_tried(search, tmp_path):
    assert search.chosen_factors(tmp_path / "not_there") == {}
    tried = {"relu x1": 0.6, "relu x0.5": 0.7, "relu x2": 0.5, "leni x1": 0.6, "leni x2": 0.6}
    for name, accuracy in tried.items():
        run = made_up_run(name, 100, 0.0, validation_accuracy=accuracy)
        append_run(tmp_path / "runs.jsonl", run)
    assert search.chosen_factors(tmp_path) == {"relu": 0.5, "leni": 1.0}


def test_a_variant_keeps_its_name_and_its_wish_for_the_seed(search):
    def build(seed):
        return tiny_network()

    variant = activation_variants(build, ["leni"])["leni"]
    compiled = search.trained_with(variant, steps=100)
    assert compiled.activation == "leni"
    assert "seed" in inspect.signature(compiled).parameters
    assert compiled(seed=3).compiled
