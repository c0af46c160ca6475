"""Masks pass through what is pointwise, and stop where time steps are mixed."""

import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU
from tests.support.backends import to_numpy

SEQUENCES = np.random.default_rng(0).normal(size=(2, 4, 6)).astype("float32")
SEQUENCES[0, 2:] = 0

POINTWISE = {
    "on_off_relu": OnOffReLU,
    "pointwise": lambda: LENI(transform="pointwise"),
    "pointwise compression": lambda: LENI(transform="pointwise", compression="pointwise"),
    "no compression": lambda: LENI(transform=None, compression=None),
    "one tap": lambda: LENI(kernel_size=1),
    "one tap by axis": lambda: LENI(kernel_size=(1,)),
    "normalized": lambda: LENI(transform="pointwise", normalization="batch"),
    "inner layers": lambda: LENI(
        transform=keras.layers.Dense(6), activation=keras.layers.LeakyReLU()
    ),
}
MIXING = {
    "depthwise": LENI,
    "depthwise, no compression": lambda: LENI(compression=None),
    "a layer that mixes": lambda: LENI(transform=keras.layers.Conv1D(6, 3, padding="same")),
}


def mask_behind(layer):
    inputs = keras.Input((None, 6))
    masked = keras.layers.Masking()(inputs)
    outputs = layer(masked)
    return getattr(outputs, "_keras_mask", None)


@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_layers_pass_a_mask_on(name):
    layer = POINTWISE[name]()
    assert layer.supports_masking
    assert mask_behind(layer) is not None
    y = keras.layers.GlobalAveragePooling1D()(layer(keras.layers.Masking()(SEQUENCES)))
    y = to_numpy(y)
    by_hand = to_numpy(layer(SEQUENCES))
    np.testing.assert_allclose(y[0], by_hand[0, :2].mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y[1], by_hand[1].mean(axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MIXING)
def test_mixing_layers_do_not(name):
    layer = MIXING[name]()
    assert not layer.supports_masking


def test_a_masked_step_is_not_part_of_the_batch_statistics():
    layer = LENI(transform="pointwise", kernel_initializer="ones", normalization="batch")
    layer(keras.layers.Masking()(SEQUENCES), training=True)
    valid = SEQUENCES[SEQUENCES.any(axis=-1)]
    assert len(valid) == 6
    mean = np.maximum(-valid, 0).sum(axis=-1).mean()
    normalization = layer.normalization_layer
    expected = np.full(6, (1 - normalization.momentum) * mean)
    np.testing.assert_allclose(to_numpy(normalization.moving_mean), expected, rtol=1e-5)
