"""The forms of the ON/OFF study, and the test of its interaction."""

import importlib
import pathlib

import numpy as np
import pytest
from scipy import stats

from keras_negact import OnOffReLU

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def studies(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("_on_off_studies")


def test_every_form_is_what_its_name_says(studies):
    variants = studies.variants()
    assert len(variants) == 12
    models = {name: variant() for name, variant in variants.items()}
    doubled = {
        name: [isinstance(layer, OnOffReLU) for layer in model.layers].count(True)
        for name, model in models.items()
    }
    for name, count in doubled.items():
        form, _, normalization = name.rpartition(", ")
        assert count == (0 if "conventional" in form else 2 if form == "first third" else 6)
        kinds = {type(layer).__name__ for layer in models[name].layers}
        assert ("BatchNormalization" in kinds) == (normalization == "batch")
    # As many features as the conventional network behind every activation.
    first = models["first third, none"]
    assert first.layers[1].filters == 16
    assert {layer.filters for layer in first.layers if hasattr(layer, "filters")} == {16, 64, 128}


@pytest.mark.parametrize("form", ["full", "halved"])
def test_convolutions_that_read_a_pair_start_as_the_name_says(studies, form):
    def starts(model):
        convolutions = [layer for layer in model.layers if hasattr(layer, "filters")]
        return [type(layer.kernel_initializer).__name__ for layer in convolutions]

    assert starts(studies.network(f"{form} from he", None)) == ["HeNormal"] * 6
    assert starts(studies.network(form, None)) == ["HeNormal"] + ["LooksLinear"] * 5


def test_the_interaction_is_a_difference_of_differences(studies, tmp_path):
    generator = np.random.default_rng(0)
    accuracies = {
        f"{form}, {name}": generator.random(4)
        for form in ("conventional", "full", "full from he")
        for name in ("batch", "none")
        if (form, name) != ("full from he", "batch")
    }
    runs = [
        {"variant": variant, "seed": seed, "test_accuracy": float(accuracy)}
        for variant, of_seeds in accuracies.items()
        for seed, accuracy in enumerate(of_seeds)
    ]
    studies.write_interaction(runs, tmp_path)
    text = (tmp_path / "interaction.md").read_text()
    for form in ("full", "full from he"):
        without = accuracies[f"{form}, none"] - accuracies["conventional, none"]
        with_ = accuracies["full, batch"] - accuracies["conventional, batch"]
        difference = 100 * (without - with_)
        low, high = stats.t.interval(0.95, 3, difference.mean(), stats.sem(difference))
        assert f"| {form} | {difference.mean():+.2f} ({low:+.2f} to {high:+.2f}) |" in text
