"""What an activation is given beside its input: arguments, slopes, and where it stands."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_negact import clone_with_activation, plan_activation_swap
from tests.support.backends import to_numpy


def test_what_a_pair_is_divided_by_is_not_doubled():
    inputs = keras.Input((4,))
    x = 1.0 / layers.LeakyReLU(0.2)(layers.Dense(4)(inputs))
    site = plan_activation_swap(keras.Model(inputs, layers.Dense(2)(x)), "on_off_relu").sites[0]
    assert site.action == "skip"
    assert "division" in site.reason


FUNCTIONS_WITH_ARGUMENTS = {
    "a softmax along another axis": lambda x: layers.Softmax(axis=1)(x),
    "the operation": lambda x: ops.softmax(x, axis=1),
    "its logarithm": lambda x: ops.log_softmax(x, axis=1),
    "another curve": lambda x: ops.squareplus(x, b=1),
}


@pytest.mark.parametrize("name", FUNCTIONS_WITH_ARGUMENTS)
def test_arguments_of_functions_are_kept(name, tmp_path):
    inputs = keras.Input((4, 4))
    x = FUNCTIONS_WITH_ARGUMENTS[name](layers.Dense(4)(inputs))
    model = keras.Model(inputs, layers.Dense(2)(x))
    path = plan_activation_swap(model, where=lambda site: True).sites[0].path
    clone = clone_with_activation(model, "leni", where=path)
    x = np.random.default_rng(0).normal(size=(2, 4, 4)).astype("float32")
    np.testing.assert_allclose(to_numpy(clone(x)), to_numpy(model(x)), atol=1e-6)
    clone.save(tmp_path / "clone.keras")
    again = keras.saving.load_model(tmp_path / "clone.keras")
    np.testing.assert_allclose(to_numpy(again(x)), to_numpy(model(x)), atol=1e-6)


def test_the_slope_of_a_leaky_relu_is_that_of_its_library():
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        function, slope = tf.nn.leaky_relu, 0.2
    elif keras.config.backend() == "jax":
        import jax

        function, slope = jax.nn.leaky_relu, 0.01
    else:
        import torch

        function, slope = torch.nn.functional.leaky_relu, 0.01
    layer = layers.Dense(8, activation=function)
    model = keras.Sequential([keras.Input((4,)), layer, layers.Dense(2)])
    plan = plan_activation_swap(model, "on_off_relu")
    assert plan.sites[0].slopes == (1.0, slope)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_allclose(to_numpy(plan.apply()(x)), to_numpy(model(x)), atol=1e-6)
