"""OnOffReLU: values, the backward rule, arguments."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_negact import OnOffReLU
from tests.support.backends import ROUNDING, to_numpy
from tests.support.gradients import (
    assert_is_gradient,
    away_from_zero,
    gradient_of_gradient,
    gradients,
)
from tests.support.leni_reference import on_off_relu


@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    data_format=st.sampled_from(["channels_last", "channels_first"]),
    max_value=st.sampled_from([None, 0.5, 6]),
)
def test_values_at_any_shape(shape, data_format, max_value):
    layer = OnOffReLU(max_value=max_value, data_format=data_format, dtype="float64")
    x = np.random.default_rng(0).normal(size=shape) * 5
    y = to_numpy(layer(x))
    np.testing.assert_allclose(y, on_off_relu(x, max_value, data_format), rtol=ROUNDING)
    assert layer.compute_output_shape(tuple(shape)) == y.shape
    assert not layer.weights


def test_output_shape_with_unknown_sizes():
    assert OnOffReLU().compute_output_shape((None, None, None, 3)) == (None, None, None, 6)
    first = OnOffReLU(data_format="channels_first")
    assert first.compute_output_shape((None, 3, None)) == (None, 6, None)


def test_backward_rule():
    """Each half passes its gradient where its own rectifier is open, and neither does at zero."""
    x = np.array([[-2.0, -0.5, 0.0, 0.5, 2.0]])
    on = np.array([3.0, 5.0, 7.0, 11.0, 13.0])
    off = np.array([17.0, 19.0, 23.0, 29.0, 31.0])
    layer = OnOffReLU(dtype="float64")
    weights = keras.ops.convert_to_tensor(np.concatenate([on, off])[None])
    dx, _ = gradients(lambda x: keras.ops.sum(layer(x) * weights), x)
    np.testing.assert_array_equal(dx, [[-17.0, -19.0, 0.0, 11.0, 13.0]])


def test_backward_rule_behind_the_cap():
    x = np.array([[-7.0, -5.0, 5.0, 7.0]])
    layer = OnOffReLU(max_value=6, dtype="float64")
    weights = keras.ops.convert_to_tensor(np.arange(1.0, 9.0)[None])
    dx, _ = gradients(lambda x: keras.ops.sum(layer(x) * weights), x)
    np.testing.assert_array_equal(dx, [[0.0, -6.0, 3.0, 0.0]])


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3), (2, 2, 3, 3), (1, 2, 2, 2, 3)])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("max_value", [None, 1.0])
def test_gradient_against_finite_differences(shape, data_format, max_value):
    random = np.random.default_rng(0)
    x = away_from_zero(random, shape)
    x[np.abs(np.abs(x) - 1) < 0.05] = 0.5
    layer = OnOffReLU(max_value=max_value, data_format=data_format, dtype="float64")
    weights = random.normal(size=layer.compute_output_shape(shape))
    weights = keras.ops.convert_to_tensor(weights)

    def loss(x):
        y = layer(x)
        return keras.ops.sum(weights * y + y * y)

    dx, _ = gradients(loss, x)
    assert_is_gradient(dx, loss, x)


def test_second_derivative():
    random = np.random.default_rng(0)
    x, direction = away_from_zero(random, (2, 3, 4)), random.normal(size=(2, 3, 4))
    layer = OnOffReLU(dtype="float64")
    second = gradient_of_gradient(lambda x: keras.ops.sum(layer(x) ** 3), x, direction)
    np.testing.assert_allclose(second, 6 * np.abs(x) * direction, rtol=1e-12)


@pytest.mark.parametrize("max_value", [0, -1.0, float("nan"), "6", [6]])
def test_bad_max_value(max_value):
    with pytest.raises(ValueError, match=r"`max_value` must be a finite number above 0. Received"):
        OnOffReLU(max_value=max_value)


def test_channels_of_unknown_number():
    with pytest.raises(ValueError, match="known number of channels"):
        OnOffReLU()(keras.Input((8, 8, None)))


def test_config_round_trip():
    layer = OnOffReLU(max_value=6, data_format="channels_first", name="both", dtype="float16")
    copy = OnOffReLU.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert (copy.max_value, copy.data_format, copy.name) == (6, "channels_first", "both")


def test_data_format_is_the_default_of_its_making():
    keras.config.set_image_data_format("channels_first")
    layer = OnOffReLU()
    keras.config.set_image_data_format("channels_last")
    assert layer.data_format == "channels_first"
    assert layer.compute_output_shape((None, 3, 8, 8)) == (None, 6, 8, 8)
