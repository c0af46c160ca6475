"""The two public functions on small models: what is swapped, and that nothing else changes."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI, OnOffReLU, clone_with_activation, plan_activation_swap
from tests.support.backends import to_numpy


def small_model():
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("silu", name="smooth")(x)
    x = keras.ops.relu(layers.Conv2D(6, 3, name="second")(x))
    x = layers.Flatten()(x)
    x = layers.Dense(5, activation="relu", name="hidden")(x)
    return keras.Model(inputs, layers.Dense(3, activation="relu", name="head")(x))


def images(seed=0):
    return np.random.default_rng(seed).normal(size=(2, 8, 8, 3)).astype("float32")


@pytest.mark.parametrize("activation", ["leni", "on_off_relu", LENI(compression=None)])
def test_clone_computes_the_same(activation):
    model = small_model()
    clone = clone_with_activation(model, activation)
    np.testing.assert_allclose(
        to_numpy(clone(images())), to_numpy(model(images())), rtol=1e-5, atol=1e-6
    )


def test_report_counts_what_the_clone_has():
    for activation in ("leni", "on_off_relu"):
        plan = plan_activation_swap(small_model(), activation)
        assert plan.report.after.parameters == plan.apply().count_params()


def test_head_is_left():
    plan = plan_activation_swap(small_model())
    actions = {site.path: site.action for site in plan.sites}
    assert actions.pop("head") == "leave"
    assert set(actions.values()) == {"swap"}


def test_new_layers_are_where_the_activations_were():
    clone = clone_with_activation(small_model(), "on_off_relu", where="^(conv|hidden)$")
    assert sum(isinstance(layer, OnOffReLU) for layer in clone.layers) == 2
    assert clone.get_layer("smooth").activation is keras.activations.silu
