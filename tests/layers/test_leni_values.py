"""LENI's outputs against NumPy, for every choice, rank, data format and shape."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_negact import LENI
from tests.support import leni_reference
from tests.support.backends import ROUNDING, to_numpy
from tests.support.leni_cases import (
    VARIANTS,
    draw_weights,
    weights_by_name,
    with_drawn_weights,
)

SHAPES = {
    "features": (3, 4),
    "1-D": (2, 7, 4),
    "2-D": (2, 5, 6, 4),
    "3-D": (2, 4, 3, 5, 4),
}


def channels_first(shape):
    return (shape[0], shape[-1], *shape[1:-1])


def assert_matches_reference(shape, **arguments):
    layer = with_drawn_weights(shape, dtype="float64", **arguments)
    x = np.random.default_rng(1).normal(size=shape)
    y = layer(x)
    expected = leni_reference.leni(x, weights_by_name(layer), **arguments)
    np.testing.assert_allclose(to_numpy(y), expected, rtol=ROUNDING, atol=ROUNDING)
    assert layer.compute_output_shape(shape) == expected.shape
    return layer


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_at_two_spatial_axes(name):
    assert_matches_reference(SHAPES["2-D"], **VARIANTS[name])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize(
    "name", ["default", "grouped transform", "grouped compression", "no compression, pointwise"]
)
def test_every_rank_and_data_format(name, rank, data_format):
    shape = SHAPES[rank]
    if data_format == "channels_first":
        shape = channels_first(shape)
    assert_matches_reference(shape, data_format=data_format, **VARIANTS[name])


def test_kernel_of_different_sizes_along_the_axes():
    assert_matches_reference((2, 5, 6, 4), kernel_size=(1, 5))
    assert_matches_reference((1, 4, 3, 5, 2), kernel_size=[3, 1, 5])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("name", ["default", "bias", "sum", "no compression", "no gain", "random"])
def test_causal(name, data_format):
    shape = (2, 7, 4) if data_format == "channels_last" else (2, 4, 7)
    arguments = {**VARIANTS[name], "padding": "causal", "data_format": data_format}
    assert_matches_reference(shape, kernel_size=5, **arguments)
    assert_matches_reference(SHAPES["features"], **VARIANTS[name], padding="causal")


@pytest.mark.parametrize("training", [False, True])
def test_causal_looks_at_nothing_later(training):
    layer = with_drawn_weights((1, 9, 3), padding="causal")
    x = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("float32")
    changed = x.copy()
    changed[:, 5:] = -7
    before, after = (to_numpy(layer(values, training=training)) for values in (x, changed))
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert np.abs(before[:, 5:] - after[:, 5:]).min(axis=(0, 2)).all()


def test_kernel_larger_than_the_input():
    assert_matches_reference((1, 2, 1, 3), kernel_size=7)


@st.composite
def shapes_and_arguments(draw):
    """Any shape, and the arguments of a LENI that goes with its number of channels."""
    channels = draw(st.integers(1, 6))
    spatial = draw(st.lists(st.integers(1, 5), max_size=3))
    divisors = st.sampled_from([d for d in range(1, channels + 1) if channels % d == 0])
    arguments = {
        "activation": draw(st.sampled_from([None, "relu", "relu6", "elu", "silu", "linear"])),
        "transform": draw(st.sampled_from(["depthwise", "pointwise", None])),
        "compression": draw(st.sampled_from(["channelwise", "pointwise", None])),
        "data_format": draw(st.sampled_from(["channels_last", "channels_first"])),
    }
    if arguments["transform"] == "depthwise":
        arguments["kernel_size"] = draw(st.sampled_from([1, 3, 5]))
    if arguments["transform"] == "pointwise":
        arguments["transform_groups"] = draw(divisors)
    if arguments["transform"] is not None:
        arguments["use_bias"] = draw(st.booleans())
    if arguments["compression"] == "pointwise":
        arguments["groups"] = draw(divisors)
        factor = draw(st.sampled_from([None, 1, 2, 3]))
        arguments["filters"] = factor and factor * arguments["groups"]
    shape = (draw(st.integers(1, 3)), *spatial, channels)
    if arguments["data_format"] == "channels_first":
        shape = channels_first(shape)
    return shape, arguments


@given(shapes_and_arguments())
def test_any_shape_and_arguments(case):
    shape, arguments = case
    assert_matches_reference(shape, **arguments)


@pytest.mark.parametrize("padding", ["same", "causal"])
@pytest.mark.parametrize("shape", [(3, 7, 4), (3, 5, 6, 4), (3, 4, 3, 5, 4)])
def test_in_training_the_values_are_the_same(shape, padding):
    """JAX on CPUs takes another form there."""
    if padding == "causal" and len(shape) > 3:
        return
    layer = with_drawn_weights(shape, padding=padding, dtype="float64")
    x = np.random.default_rng(1).normal(size=shape)
    expected = leni_reference.leni(x, weights_by_name(layer), padding=padding)
    y = to_numpy(layer(x, training=True))
    np.testing.assert_allclose(y, expected, rtol=ROUNDING, atol=ROUNDING)


def test_activation_layer_is_the_positive_branch():
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 4))
    layer = with_drawn_weights(
        x.shape, activation=keras.layers.PReLU(shared_axes=[1, 2], dtype="float64"), dtype="float64"
    )
    weights = weights_by_name(layer)
    expected = leni_reference.leni(
        x, weights, activation=lambda x: np.where(x > 0, x, weights["alpha"] * x)
    )
    np.testing.assert_allclose(to_numpy(layer(x)), expected, rtol=1e-12)


def test_layer_as_transform():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    pool = keras.layers.AveragePooling2D(3, strides=1, padding="same")
    layer = with_drawn_weights(x.shape, transform=pool)
    expected = leni_reference.leni(x, weights_by_name(layer), transform=lambda n: to_numpy(pool(n)))
    np.testing.assert_allclose(to_numpy(layer(x)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("compression", ["channelwise", "pointwise", None])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_batch_normalization_follows_the_transform(compression, data_format):
    shape = (6, 4, 5, 3) if data_format == "channels_last" else (6, 3, 4, 5)
    x = np.random.default_rng(0).normal(size=shape)
    arguments = {"compression": compression, "data_format": data_format, "use_bias": True}
    layer = with_drawn_weights(shape, normalization="batch", dtype="float64", **arguments)
    weights = weights_by_name(layer)

    def of_the_batch(negative):
        mean, variance = negative.mean(axis=(0, 1, 2)), negative.var(axis=(0, 1, 2))
        standard = (negative - mean) / np.sqrt(variance + 1e-3)
        return weights["gamma"] * standard + weights["beta"]

    def by_moving_statistics(negative):
        standard = (negative - weights["moving_mean"]) / np.sqrt(weights["moving_variance"] + 1e-3)
        return weights["gamma"] * standard + weights["beta"]

    for training, normalization in ((False, by_moving_statistics), (True, of_the_batch)):
        y = to_numpy(layer(x, training=training))
        expected = leni_reference.leni(x, weights, normalization=normalization, **arguments)
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=max(1e-6, ROUNDING))
    assert not np.allclose(weights["moving_mean"], weights_by_name(layer)["moving_mean"])


def test_layer_as_normalization():
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype("float32")
    unit = keras.layers.UnitNormalization()
    layer = with_drawn_weights(x.shape, normalization=unit)
    expected = leni_reference.leni(
        x, weights_by_name(layer), normalization=lambda n: to_numpy(unit(n))
    )
    np.testing.assert_allclose(to_numpy(layer(x)), expected, rtol=1e-5, atol=1e-6)


def test_output_shape_with_unknown_sizes():
    unknown = (None, None, None, 4)
    assert LENI().compute_output_shape(unknown) == unknown
    assert LENI(compression=None).compute_output_shape(unknown) == (None, None, None, 8)
    wider = LENI(compression="pointwise", filters=6, data_format="channels_first")
    assert wider.compute_output_shape((None, 4, None)) == (None, 6, None)
    assert wider.compute_output_shape((2, 4, 3, 3, 3)) == (2, 6, 3, 3, 3)


@pytest.mark.parametrize("name", ["default", "grouped transform", "grouped compression"])
@pytest.mark.parametrize("spatial_rank", [1, 2, 3])
def test_one_model_for_inputs_of_any_size(name, spatial_rank):
    inputs = keras.Input((*(None,) * spatial_rank, 4))
    layer = LENI(**VARIANTS[name])
    model = keras.Model(inputs, layer(inputs))
    draw_weights(layer)
    for size in (3, 5):
        x = np.random.default_rng(size).normal(size=(2, *(size,) * spatial_rank, 4))
        expected = leni_reference.leni(x, weights_by_name(layer), **VARIANTS[name])
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("transform", ["pointwise", "depthwise", None])
@pytest.mark.parametrize("compression", ["channelwise", "pointwise", None])
def test_without_taps_it_takes_any_number_of_axes(transform, compression):
    taps = {"kernel_size": 1} if transform == "depthwise" else {}
    layer = LENI(transform=transform, compression=compression, start="random", **taps)
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    expected = to_numpy(layer(x))
    for place in (0, (0, 0), None):
        np.testing.assert_allclose(to_numpy(layer(x[place])), expected[place], 1e-5, 1e-6)
    convolving = LENI()
    convolving(x)
    with pytest.raises(ValueError, match="ndim=4"):
        convolving(x[0])
