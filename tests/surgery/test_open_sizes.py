"""Networks that leave sizes open, and yet do not take any size."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_negact import plan_activation_swap
from tests.support.backends import to_numpy


class Positions(layers.Layer):
    def build(self, input_shape):
        self.vectors = self.add_weight(shape=(100, input_shape[-1]))

    def call(self, inputs):
        return inputs + self.vectors[: ops.shape(inputs)[1]]


SIZES = {
    "threes": lambda x: layers.Reshape((-1, 24))(x),
    "at most a hundred": lambda x: Positions()(x),
    "forty": lambda x: layers.Reshape((-1, 320))(x),
}


@pytest.mark.parametrize("name", SIZES)
def test_open_sizes_that_are_not_any(name):
    if name == "at most a hundred" and keras.config.backend() == "jax":
        pytest.skip("Keras on JAX cannot infer the shape of a slice that depends on an open size")
    inputs = keras.Input((None, 8))
    x = SIZES[name](layers.Dense(8, activation="relu")(inputs))
    model = keras.Model(inputs, layers.LSTM(4)(x))
    plan = plan_activation_swap(model)
    assert "per pixel" in str(plan)
    x = (
        np.random.default_rng(0)
        .normal(size=(2, 120, 8))
        .astype("float32")[:, : 100 if "hundred" in name else 120]
    )
    np.testing.assert_allclose(to_numpy(plan.apply()(x)), to_numpy(model(x)), atol=1e-6)
