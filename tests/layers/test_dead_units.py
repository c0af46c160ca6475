"""A unit whose input is negative on every example: who still hands it a gradient, and when."""

import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU
from tests.support.gradients import gradients

DEAD = -0.1 - np.abs(np.random.default_rng(0).normal(size=(4, 5, 5, 3))).astype("float32")
TOWARDS = np.random.default_rng(1).normal(size=(4, 5, 5, 6)).astype("float32")


def loss_through(layer):
    def loss(x):
        y = layer(x)
        towards = keras.ops.convert_to_tensor(TOWARDS[..., : y.shape[-1]])
        return keras.ops.sum((y - towards) ** 2)

    return loss


def gradients_through(layer):
    return gradients(loss_through(layer), DEAD, layer.trainable_variables)


def test_relu_hands_it_nothing():
    by_inputs, _ = gradients_through(keras.layers.ReLU())
    np.testing.assert_array_equal(by_inputs, 0)


@pytest.mark.parametrize(
    "layer",
    [
        OnOffReLU(),
        LENI(start="random"),
        LENI(start="random", transform="pointwise"),
        LENI(start="random", compression="pointwise"),
        LENI(start="random", compression=None),
        LENI(start="leaky"),
    ],
    ids=[
        "on_off_relu",
        "depthwise",
        "pointwise",
        "pointwise compression",
        "no compression",
        "leaky",
    ],
)
def test_these_hand_it_a_gradient_at_once(layer):
    layer.build(DEAD.shape)
    by_inputs, _ = gradients_through(layer)
    assert (by_inputs != 0).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"transform": "pointwise"},
        {"transform": None},
        {"compression": "pointwise"},
        {"compression": None},
        {"normalization": "batch"},
    ],
    ids=["default", "pointwise", "identity", "compression", "no compression", "normalized"],
)
def test_keep_hands_it_a_gradient_from_the_second_step_on(arguments):
    layer = LENI(start="keep", **arguments)
    layer.build(DEAD.shape)
    by_inputs, by_weights = gradients_through(layer)
    np.testing.assert_array_equal(by_inputs, 0)
    assert any((gradient != 0).any() for gradient in by_weights)

    optimizer = keras.optimizers.SGD(learning_rate=1e-3)
    optimizer.build(layer.trainable_variables)
    optimizer.apply([keras.ops.convert_to_tensor(gradient) for gradient in by_weights])

    by_inputs, _ = gradients_through(layer)
    assert (by_inputs != 0).all()
