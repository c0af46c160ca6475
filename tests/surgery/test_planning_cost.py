"""What planning costs grows with the network, and no faster."""

import sys

import keras
import pytest
from keras import layers

from keras_negact import plan_activation_swap


def convolutions(x, number):
    for _ in range(number):
        x = layers.ReLU()(layers.Conv2D(4, 1)(x))
    return layers.GlobalAveragePooling2D()(x)


def residuals(x, number):
    x = layers.Conv2D(4, 1)(x)
    for _ in range(number):
        x = layers.Add()([x, layers.Conv2D(4, 1)(layers.ReLU()(x))])
    return layers.GlobalAveragePooling2D()(x)


def normalized_sequences(x, number):
    x = layers.Reshape((64, 3))(x)
    for _ in range(number):
        x = layers.LayerNormalization()(layers.ReLU()(x))
    return layers.GlobalAveragePooling1D()(x)


def pointwise_sequences(x, number):
    x = layers.Reshape((64, 3))(x)
    for _ in range(number):
        x = layers.Conv1D(4, 1, activation="relu")(x)
    return layers.GlobalAveragePooling1D()(x)


def calls_of_planning(network, number, activation):
    """How many Python functions are called, which no other process on the machine changes."""
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Dense(2)(network(inputs, number)))
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        plan = plan_activation_swap(model, activation)
    finally:
        sys.setprofile(before)
    assert len(plan.sites) == number
    return calls


@pytest.mark.parametrize("activation", ["leni", "on_off_relu"])
@pytest.mark.parametrize(
    "network", [convolutions, residuals, normalized_sequences, pointwise_sequences]
)
def test_twice_the_activations_cost_twice_as_much(network, activation):
    calls_of_planning(network, 2, activation)
    assert calls_of_planning(network, 80, activation) < 2.1 * calls_of_planning(
        network, 40, activation
    )
