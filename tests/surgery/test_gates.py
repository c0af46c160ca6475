"""Activations that scale another branch, and hard sigmoids, are left unless they are named."""

import keras
import pytest
from keras import layers

from tests.support.swapping import actions, check_same_function


def test_gates_are_left_unless_named():
    inputs = keras.Input((8, 8, 4))
    x = layers.Conv2D(4, 3, activation="relu", name="features")(inputs)
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(x)
    squeezed = layers.Conv2D(2, 1, activation="relu", name="squeeze")(pooled)
    gate = layers.ReLU(6.0, name="gate")(layers.Conv2D(4, 1)(squeezed) + 3.0) * (1.0 / 6.0)
    y = layers.Multiply()([x, gate])
    z = layers.Conv2D(4, 1, name="hard_swish")(y)
    z = z * layers.ReLU(6.0, name="inner")(z + 3.0) * (1.0 / 6.0)
    model = keras.Model(inputs, layers.Conv2D(2, 1)(z))
    plan, _ = check_same_function(model)
    left = {path for path, action in actions(plan).items() if action == "leave"}
    assert left == {"gate", "inner"}
    plan, _ = check_same_function(model, where=["gate"])
    assert actions(plan)["gate"] == "swap"


@pytest.mark.parametrize(
    ("scaled", "action"),
    [
        (lambda y: y * (1.0 / 6.0), "leave"),
        (lambda y: y / 6.0, "leave"),
        (lambda y: y * 0.16667, "leave"),
        (lambda y: y * 0.5, "swap"),
    ],
    ids=["times", "over", "rounded", "no sixth"],
)
def test_a_hard_sigmoid_is_left_however_its_sixth_is_written(scaled, action):
    inputs = keras.Input((8, 8, 4))
    x = layers.ReLU(6.0, name="middle")(layers.Conv2D(4, 3)(inputs) + 3.0)
    plan, _ = check_same_function(keras.Model(inputs, layers.Conv2D(2, 1)(scaled(x))))
    assert actions(plan) == {"middle": action}
