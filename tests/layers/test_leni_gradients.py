"""LENI's gradients against finite differences, and the second derivative."""

import keras
import numpy as np
import pytest

from tests.support.backends import to_numpy
from tests.support.gradients import (
    assert_is_gradient,
    away_from_zero,
    gradient_of_gradient,
    gradients,
)
from tests.support.leni_cases import VARIANTS, with_drawn_weights

SMALL_SHAPES = [(2, 4), (1, 4, 4), (1, 2, 3, 4), (1, 2, 2, 2, 4)]


def assert_gradients_are_right(layer, shape, **call_arguments):
    random = np.random.default_rng(2)
    x = away_from_zero(random, shape)
    towards = random.normal(size=layer.compute_output_shape(shape))
    towards = keras.ops.convert_to_tensor(towards)

    def loss(x):
        y = layer(x, **call_arguments)
        return keras.ops.sum(towards * y + 0.5 * y * y)

    by_inputs, by_weights = gradients(loss, x, layer.trainable_variables)
    assert_is_gradient(by_inputs, loss, x)
    for weight, gradient in zip(layer.trainable_variables, by_weights, strict=True):
        value = to_numpy(weight)

        def loss_at(point, weight=weight):
            weight.assign(point)
            return loss(x)

        assert_is_gradient(gradient, loss_at, value, err_msg=weight.path)
        weight.assign(value)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant(name):
    shape = (1, 2, 3, 4)
    assert_gradients_are_right(with_drawn_weights(shape, dtype="float64", **VARIANTS[name]), shape)


@pytest.mark.parametrize("shape", SMALL_SHAPES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("name", ["bias", "grouped transform", "grouped compression"])
def test_every_rank_and_data_format(shape, data_format, name):
    if data_format == "channels_first":
        shape = (shape[0], shape[-1], *shape[1:-1])
    layer = with_drawn_weights(shape, dtype="float64", data_format=data_format, **VARIANTS[name])
    assert_gradients_are_right(layer, shape)


@pytest.mark.parametrize("training", [False, True])
def test_through_batch_normalization(training):
    # Moments of half precision would drown the differences: 64 bits all the way.
    normalization = keras.layers.BatchNormalization(dtype="float64", momentum=1.0)
    shape = (2, 2, 2, 2)
    layer = with_drawn_weights(shape, dtype="float64", normalization=normalization)
    assert_gradients_are_right(layer, shape, training=training)


def test_through_a_learned_activation():
    activation = keras.layers.PReLU(shared_axes=[1, 2], dtype="float64")
    shape = (2, 2, 2, 3)
    layer = with_drawn_weights(shape, dtype="float64", activation=activation)
    assert "alpha" in {weight.name for weight in layer.trainable_variables}
    assert_gradients_are_right(layer, shape)


@pytest.mark.parametrize("name", ["default", "pointwise transform", "pointwise compression"])
def test_nothing_passes_at_zero(name):
    shape = (1, 3, 3, 4)
    layer = with_drawn_weights(shape, **VARIANTS[name])
    by_inputs, _ = gradients(lambda x: keras.ops.sum(layer(x)), np.zeros(shape, "float32"))
    np.testing.assert_array_equal(by_inputs, 0)


@pytest.mark.parametrize("name", ["default", "pointwise compression", "silu"])
def test_second_derivative(name):
    shape = (1, 3, 3, 4)
    random = np.random.default_rng(0)
    x, direction = away_from_zero(random, shape), random.normal(size=shape)
    layer = with_drawn_weights(shape, dtype="float64", **VARIANTS[name])

    def loss(x):
        return keras.ops.sum(layer(x) ** 3)

    def slope(x):
        return keras.ops.convert_to_tensor((gradients(loss, x)[0] * direction).sum())

    assert_is_gradient(gradient_of_gradient(loss, x, direction), slope, x)
