"""A depthwise convolution as a sum of shifted products: the form that XLA compiles well.

XLA runs depthwise convolutions slowly on CPU, and the gradient of their kernel worse; a sum of
products it makes into one loop. `benchmarks/layers.py` measures both.
"""

import itertools

import keras
from keras import ops

from keras_negact.layers._backend import has_accelerator


def shifted_sum(inputs, kernel, data_format: str, padding: str = "same"):
    """The depthwise convolution of `inputs` by `kernel`, `(*taps, C, 1)`, with stride 1."""
    taps = tuple(kernel.shape[:-2])
    if padding == "same":
        inputs = _pad(inputs, taps, data_format)
    weights = _weights(kernel, len(inputs.shape), data_format)
    return sum(w * s for w, s in zip(weights, _shifts(inputs, taps, data_format), strict=True))


def shifted_sum_of_negative_part(inputs, kernel, data_format: str):
    """`shifted_sum(relu(-inputs), kernel)`, whose gradient keeps `inputs` and no feature map else.

    On CPU the gradient is taken image by image: what one needs stays in the cache, where XLA's sums
    over a whole batch would first write every product to memory.
    """
    by_image = not has_accelerator() and inputs.shape[0] != 1
    batch_gradient = _batch_gradient if not by_image else _image_by_image

    @ops.custom_gradient
    def filtered(inputs, kernel):
        def gradient(upstream):
            return batch_gradient(inputs, kernel, upstream, data_format)

        return shifted_sum(ops.relu(-inputs), kernel, data_format), gradient

    return filtered(inputs, kernel)


def _batch_gradient(inputs, kernel, upstream, data_format):
    taps = tuple(kernel.shape[:-2])
    flipped = ops.flip(kernel, axis=tuple(range(len(taps))))
    from_negative_part = shifted_sum(upstream, flipped, data_format)
    inputs_gradient = ops.where(inputs < 0, -from_negative_part, ops.zeros_like(inputs))

    exact = "float32" if _is_half(inputs.dtype) else inputs.dtype
    negative_part = _pad(ops.relu(-inputs), taps, data_format)
    channel_axis = 1 if data_format == "channels_first" else len(inputs.shape) - 1
    all_but_channels = tuple(a for a in range(len(inputs.shape)) if a != channel_axis)
    upstream = ops.cast(upstream, exact)
    sums = [
        ops.sum(ops.cast(shift, exact) * upstream, axis=all_but_channels)
        for shift in _shifts(negative_part, taps, data_format)
    ]
    return inputs_gradient, ops.cast(ops.reshape(ops.stack(sums), kernel.shape), kernel.dtype)


def _image_by_image(inputs, kernel, upstream, data_format):
    def one(image):
        inputs, upstream = image
        gradients = _batch_gradient(inputs[None], kernel, upstream[None], data_format)
        return gradients[0][0], gradients[1]

    inputs_gradient, kernel_gradients = ops.map(one, (inputs, upstream))
    return inputs_gradient, ops.sum(kernel_gradients, axis=0)


def _is_half(dtype) -> bool:
    return keras.backend.standardize_dtype(dtype) in ("float16", "bfloat16")


def _first_spatial_axis(data_format):
    return 2 if data_format == "channels_first" else 1


def _pad(inputs, taps, data_format):
    widths = [(0, 0)] * len(inputs.shape)
    for axis, size in enumerate(taps, _first_spatial_axis(data_format)):
        widths[axis] = (size // 2, size // 2)
    return ops.pad(inputs, widths)


def _shifts(padded, taps, data_format):
    """For each tap the window of `padded` that it sees, in the order of the kernel's taps."""
    for tap in itertools.product(*map(range, taps)):
        window = [slice(None)] * len(padded.shape)
        for axis, (start, size) in enumerate(
            zip(tap, taps, strict=True), _first_spatial_axis(data_format)
        ):
            # From the end, so that axes of unknown size will do.
            window[axis] = slice(start, start - size + 1 or None)
        yield padded[tuple(window)]


def _weights(kernel, rank, data_format):
    """For each tap its weights, shaped so that they broadcast against feature maps."""
    shape = [1] * rank
    shape[1 if data_format == "channels_first" else -1] = -1
    taps = ops.reshape(kernel, (-1, kernel.shape[-2]))
    return [ops.reshape(taps[tap], shape) for tap in range(taps.shape[0])]
