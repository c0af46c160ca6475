"""The negative part behind shifted sums, with a gradient of its own for what XLA compiles badly."""

import math

import keras
from keras import ops

from keras_negact.layers._backend import has_accelerator
from keras_negact.layers._shifted import first_spatial_axis, pad, shifted_sum, shifts

# Sums that fit into a core's cache: in float32, four megabytes.
_MOST_SUMS = 2**20
_MOST_BANDS = 8


def shifted_sum_of_negative_part(inputs, kernel, data_format: str):
    """`shifted_sum(relu(-inputs), kernel)`, whose gradient keeps `inputs` and no feature map else.

    On CPU the gradient is taken image by image, and the sums over images are kept pixel by pixel
    until the last one: XLA makes vector operations of a sum of images and none of a sum over
    pixels, and would write every product over the batch to memory first.
    """
    by_image = not has_accelerator() and inputs.shape[0] != 1
    batch_gradient = _image_by_image if by_image else _batch_gradient

    @ops.custom_gradient
    def filtered(inputs, kernel):
        def gradient(upstream):
            return batch_gradient(inputs, kernel, upstream, data_format)

        return shifted_sum(ops.relu(-inputs), kernel, data_format), gradient

    return filtered(inputs, kernel)


def _batch_gradient(inputs, kernel, upstream, data_format):
    inputs_gradient = _inputs_gradient(inputs, kernel, upstream, data_format)
    products = _products(inputs, kernel, upstream, data_format)
    return inputs_gradient, _kernel_gradient(products, kernel, data_format)


def _image_by_image(inputs, kernel, upstream, data_format):
    shape = ops.shape(inputs)
    bands = _bands(inputs.shape[1:], kernel, data_format)

    def add_image(number, state):
        inputs_gradient, sums = state
        start = [number] + [0] * (len(shape) - 1)
        image, its_upstream = (ops.slice(a, start, (1, *shape[1:])) for a in (inputs, upstream))
        own = _inputs_gradient(image, kernel, its_upstream, data_format)
        products = _products(image, kernel, its_upstream, data_format)
        products = [_sum_of_bands(p, bands, data_format) for p in products]
        sums = tuple(s + p for s, p in zip(sums, products, strict=True))
        return ops.slice_update(inputs_gradient, start, own), sums

    nothing = ops.zeros_like(_sum_of_bands(inputs[:1], bands, data_format), dtype=_exact(inputs))
    sums = (nothing,) * math.prod(kernel.shape[:-2])
    state = (ops.zeros_like(inputs), sums)
    inputs_gradient, sums = ops.fori_loop(0, shape[0], add_image, state)
    return inputs_gradient, _kernel_gradient(sums, kernel, data_format)


def _inputs_gradient(inputs, kernel, upstream, data_format):
    flipped = ops.flip(kernel, axis=tuple(range(len(kernel.shape) - 2)))
    from_negative_part = shifted_sum(upstream, flipped, data_format)
    return ops.where(inputs < 0, -from_negative_part, ops.zeros_like(inputs))


def _products(inputs, kernel, upstream, data_format):
    """For each tap, what its gradient is the sum of."""
    taps = tuple(kernel.shape[:-2])
    negative_part = pad(ops.relu(-inputs), taps, data_format)
    exact = _exact(inputs)
    upstream = ops.cast(upstream, exact)
    return [ops.cast(s, exact) * upstream for s in shifts(negative_part, taps, data_format)]


def _kernel_gradient(products, kernel, data_format):
    rank = len(products[0].shape)
    channel_axis = 1 if data_format == "channels_first" else rank - 1
    all_but_channels = tuple(axis for axis in range(rank) if axis != channel_axis)
    sums = [ops.sum(product, axis=all_but_channels) for product in products]
    return ops.cast(ops.reshape(ops.stack(sums), kernel.shape), kernel.dtype)


def _exact(inputs) -> str:
    """The type to sum in: half precision is too coarse for a sum over all pixels."""
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def _bands(image_shape, kernel, data_format) -> int:
    """Into how many bands, to be summed up at once, an image is cut: one unless it is large."""
    if None in image_shape:
        return 1
    rows = image_shape[first_spatial_axis(data_format) - 1]
    sums = math.prod(image_shape) * math.prod(kernel.shape[:-2])
    cuts = [bands for bands in range(1, _MOST_BANDS + 1) if rows % bands == 0]
    return next((bands for bands in cuts if sums <= bands * _MOST_SUMS), cuts[-1])


def _sum_of_bands(image, bands: int, data_format):
    return sum(ops.split(image, bands, axis=first_spatial_axis(data_format)))
