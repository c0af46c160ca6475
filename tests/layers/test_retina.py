"""RetinalOpponency against full two-dimensional differences of Gaussians in NumPy."""

import keras
import numpy as np
import pytest

from keras_negact import RetinalOpponency
from tests.support.backends import KEEPS_FLOAT64, ROUNDING, to_numpy
from tests.support.gradients import assert_is_gradient, gradients

REACH = 6


def gaussian(sigma):
    """`(13, 13)`, with the sum one."""
    steps = np.arange(-REACH, REACH + 1)
    rows, columns = np.meshgrid(steps, steps, indexing="ij")
    weights = np.exp(-(rows**2 + columns**2) / (2 * sigma**2))
    return weights / weights.sum()


def blurred(plane, sigma):
    """Two-dimensional correlation of `(height, width)`, the edge replicated."""
    padded = np.pad(plane, REACH, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * REACH + 1,) * 2)
    return np.einsum("hwij,ij->hw", windows, gaussian(sigma))


def retina(image, center_sigmas, surround_sigmas, luminance=False):
    """`(height, width, 3)` to `(height, width, 4 * scales)`; the sigmas are `(2, scales)`.

    With luminance there are `6 * scales` channels, and sigmas `(3, scales)`.
    """
    red, green, blue = np.moveaxis(image, -1, 0)
    pairs = [(green, red), (blue, (red + green) / 2)]
    if luminance:
        pairs.append((image.mean(-1), image.mean(-1)))
    opponents = [
        blurred(center, center_sigma) - blurred(surround, surround_sigma)
        for (center, surround), *sigmas in zip(pairs, center_sigmas, surround_sigmas, strict=True)
        for center_sigma, surround_sigma in zip(*sigmas, strict=True)
    ]
    opponents = np.stack(opponents, axis=-1)
    return np.concatenate([np.maximum(opponents, 0), np.maximum(-opponents, 0)], axis=-1)


def default_sigmas(scales):
    centers = [0.5 * 2 ** (i / max(scales - 1, 1)) for i in range(scales)]
    return [centers] * 2, [[2 * sigma for sigma in centers]] * 2


@pytest.mark.parametrize("learnable", [False, True])
@pytest.mark.parametrize("scales", [1, 2, 3])
@pytest.mark.parametrize("size", [(9, 16), (1, 3)])
def test_values(learnable, scales, size):
    image = np.random.default_rng(0).uniform(size=(*size, 3))
    layer = RetinalOpponency(scales=scales, learnable=learnable, dtype="float64")
    y = to_numpy(layer(image[None]))
    assert y.shape == (1, *size, 4 * scales) == layer.compute_output_shape((1, *size, 3))
    np.testing.assert_allclose(
        y[0], retina(image, *default_sigmas(scales)), rtol=ROUNDING, atol=ROUNDING
    )


@pytest.mark.parametrize("learnable", [False, True])
def test_values_with_luminance(learnable):
    image = np.random.default_rng(0).uniform(size=(9, 7, 3))
    layer = RetinalOpponency(scales=2, luminance=True, learnable=learnable, dtype="float64")
    layer = RetinalOpponency.from_config(layer.get_config())
    y = to_numpy(layer(image[None]))
    sigmas = [[0.5, 1.0]] * 3, [[1.0, 2.0]] * 3
    assert y.shape == (1, 9, 7, 12) == layer.compute_output_shape((1, 9, 7, 3))
    np.testing.assert_allclose(
        y[0], retina(image, *sigmas, luminance=True), rtol=ROUNDING, atol=ROUNDING
    )
    assert [tuple(weight.shape) for weight in layer.weights] == [(3, 2)] * (2 * learnable)


def test_luminance_sees_a_dot_and_no_uniform_grey():
    grey = np.zeros((1, 9, 9, 3), "float32")
    grey[:, 4, 4] = 1
    seen = to_numpy(RetinalOpponency(scales=1, luminance=True)(grey))
    uniform = to_numpy(RetinalOpponency(luminance=True)(np.full((1, 9, 9, 3), 0.4, "float32")))
    assert seen[0, 4, 4, 2] > 0.1
    np.testing.assert_allclose(uniform, 0, atol=1e-6)


def test_twelve_channels_by_default_and_channels_first():
    image = np.random.default_rng(0).uniform(size=(2, 7, 8, 3)).astype("float32")
    last = to_numpy(RetinalOpponency()(image))
    layer = RetinalOpponency(data_format="channels_first")
    first = to_numpy(layer(np.moveaxis(image, -1, 1)))
    assert last.shape == (2, 7, 8, 12)
    assert first.shape == (2, 12, 7, 8) == layer.compute_output_shape((2, 3, 7, 8))
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), last, atol=1e-6)


@pytest.mark.parametrize("learnable", [False, True])
def test_uniform_grey_is_silent(learnable):
    for grey in (0.0, 0.3, 1.0):
        image = np.full((1, 20, 20, 3), grey)
        y = RetinalOpponency(learnable=learnable, dtype="float64")(image)
        np.testing.assert_allclose(to_numpy(y), 0, atol=1e-15 if KEEPS_FLOAT64 else 5e-7)
        y = RetinalOpponency(learnable=learnable)(image.astype("float32"))
        np.testing.assert_allclose(to_numpy(y), 0, atol=5e-7)


@pytest.mark.parametrize(
    ("color", "loudest"),
    [((0, 1, 0), "green on"), ((1, 0, 0), "green off"), ((0, 0, 1), "blue on")],
)
def test_order_of_the_channels(color, loudest):
    """`[green-red, blue-yellow]` at each scale, first all that is ON and then all that is OFF."""
    image = np.broadcast_to(np.array(color, "float32"), (1, 20, 20, 3))
    y = to_numpy(RetinalOpponency()(image))[0, 10, 10]
    first = {"green on": 0, "blue on": 3, "green off": 6, "blue off": 9}[loudest]
    np.testing.assert_allclose(y[first : first + 3], 1, atol=1e-6)
    assert np.delete(y, range(first, first + 3)).max() <= 0.5 + 1e-6


def test_nothing_farther_than_six_pixels():
    image = np.zeros((1, 31, 31, 3), "float32")
    image[0, 15, 15] = [1, 0, 1]
    y = to_numpy(RetinalOpponency()(image))[0].max(axis=-1)
    rows, columns = np.nonzero(y)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 21, 9, 21)


def test_learnable_weights():
    layer = RetinalOpponency(scales=4, learnable=True)
    layer.build((None, 8, 8, 3))
    assert [(w.name, tuple(w.shape)) for w in layer.trainable_weights] == [
        ("log_center_sigma", (2, 4)),
        ("log_surround_sigma", (2, 4)),
    ]
    fixed = RetinalOpponency(scales=4)
    fixed.build((None, 8, 8, 3))
    assert fixed.weights == []


def test_every_plane_has_its_own_widths():
    layer = RetinalOpponency(scales=2, learnable=True, dtype="float64")
    layer.build((None, 8, 8, 3))
    random = np.random.default_rng(0)
    centers, surrounds = random.uniform(0.4, 3, size=(2, 2, 2))
    layer.log_center_sigma.assign(np.log(centers))
    layer.log_surround_sigma.assign(np.log(surrounds))
    image = random.uniform(size=(8, 8, 3))
    expected = retina(image, centers, surrounds)
    np.testing.assert_allclose(
        to_numpy(layer(image[None]))[0], expected, rtol=ROUNDING, atol=ROUNDING
    )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_gradients(data_format):
    shape = (1, 4, 5, 3) if data_format == "channels_last" else (1, 3, 4, 5)
    layer = RetinalOpponency(scales=2, learnable=True, data_format=data_format, dtype="float64")
    layer.build(shape)
    image = np.random.default_rng(0).uniform(size=shape)

    def loss(x):
        return keras.ops.sum(layer(x) ** 2)

    by_inputs, by_weights = gradients(loss, image, layer.trainable_variables)
    assert_is_gradient(by_inputs, loss, image)
    for weight, gradient in zip(layer.trainable_variables, by_weights, strict=True):
        value = to_numpy(weight)

        def loss_at(point, weight=weight):
            weight.assign(point)
            return loss(image)

        assert_is_gradient(gradient, loss_at, value, err_msg=weight.path)
        weight.assign(value)
        assert (gradient != 0).all()


def test_images_of_unknown_size():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, RetinalOpponency()(inputs))
    assert model.output_shape == (None, None, None, 12)
    for size in (4, 9):
        image = np.random.default_rng(0).uniform(size=(1, size, size, 3))
        y = model.predict(image.astype("float32"), verbose=0)
        np.testing.assert_allclose(y[0], retina(image[0], *default_sigmas(3)), atol=1e-6)


@pytest.mark.parametrize("scales", [0, -1, 2.0, "3", True])
def test_bad_scales(scales):
    with pytest.raises(ValueError, match=r"`scales` must be an integer of at least 1. Received"):
        RetinalOpponency(scales=scales)


@pytest.mark.parametrize(
    "shape", [(None, 8, 8, 1), (None, 8, 3), (None, 3, 8, 8), (None, 4, 8, 8, 3)]
)
def test_what_is_not_rgb(shape):
    with pytest.raises(ValueError, match=r"takes batches of RGB images.*Received the shape"):
        RetinalOpponency().build(shape)
    with pytest.raises(ValueError, match=r"takes batches of RGB images.*Received the shape"):
        RetinalOpponency().compute_output_shape(shape)


def test_six_channels_after_it_was_built_for_three():
    layer = RetinalOpponency()
    layer.build((None, 8, 8, 3))
    with pytest.raises(ValueError, match="input shape to have value 3"):
        layer(np.ones((1, 8, 8, 6), "float32"))


def test_config_round_trip():
    layer = RetinalOpponency(scales=2, learnable=True, data_format="channels_first", name="eye")
    copy = RetinalOpponency.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert (copy.scales, copy.learnable, copy.data_format) == (2, True, "channels_first")
