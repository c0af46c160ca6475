"""The forms of LENI that `benchmarks/accuracy.py` takes apart."""

import importlib
import pathlib

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI
from keras_negact.comparison.costs import multiply_adds, parameters
from keras_negact.layers.rivals import FilteredReLU

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
# Of the network below; 4 x 4 pixels behind the first convolution, 2 x 2 behind the second.
FIRST, SECOND = 18 * 4, 36 * 2
EXTRA_WEIGHTS = {
    "leni_leaky": 36 + 8,
    "leni_random": 36 + 8,
    "leni_no_transform": 8,
    "leni_no_compression": SECOND + 36,
    "leni_pointwise": 36 + 32,
    "leni_both_branches": 36 + 8 + 36,
    "leni_compensation": -FIRST // 2 + 18,
}
EXTRA_MULTIPLY_ADDS = {
    "leni_leaky": (36 + 8) * 16,
    "leni_random": (36 + 8) * 16,
    "leni_no_transform": 8 * 16,
    "leni_no_compression": SECOND * 4 + 36 * 16,
    "leni_pointwise": (36 + 32) * 16,
    "leni_both_branches": (36 + 8 + 36) * 16,
    "leni_compensation": -FIRST // 2 * 16 + 18 * 16,
}


def network():
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, use_bias=False, name="first")(inputs)
    x = layers.ReLU(name="activation")(x)
    x = layers.Conv2D(2, 3, use_bias=False, name="second")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))


@pytest.fixture
def built(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    variants = importlib.import_module("_ablations").ablation_variants(network)
    return {name: build() for name, build in variants.items()}


def test_each_costs_what_its_parts_cost_and_is_what_it_is_called(built):
    images = np.random.default_rng(0).normal(size=(3, 6, 6, 2)).astype("float32")
    assert set(built) == set(EXTRA_WEIGHTS)
    for name, model in built.items():
        assert parameters(model) == FIRST + SECOND + EXTRA_WEIGHTS[name], name
        assert multiply_adds(model) == FIRST * 16 + SECOND * 4 + EXTRA_MULTIPLY_ADDS[name], name
        assert np.isfinite(model(images)).all(), name

    def leni(name):
        return next(layer for layer in built[name].layers if isinstance(layer, LENI))

    assert leni("leni_no_transform").transform is None
    assert leni("leni_no_compression").compression is None
    assert leni("leni_pointwise").compression == "pointwise"
    assert leni("leni_leaky").start == "leaky"
    assert leni("leni_random").start == "random"
    assert isinstance(leni("leni_both_branches").activation, FilteredReLU)
    assert built["leni_compensation"].get_layer("first").filters == 2
