"""A depthwise convolution as a sum of shifted products: the form that XLA compiles well.

XLA runs depthwise convolutions slowly on CPU; a sum of products it makes into one loop.
`benchmarks/layers.py` measures both.
"""

import itertools

import keras
from keras import ops


def shifted_sum(inputs, kernel, data_format: str, padding: str = "same"):
    """The depthwise convolution of `inputs` by `kernel`, `(*taps, C, 1)`, with stride 1."""
    taps = tuple(kernel.shape[:-2])
    weights = _weights(kernel, len(inputs.shape), data_format)
    return _sum(_padded(inputs, taps, data_format, padding), weights, taps, data_format)


def shifted_sum_by_image(inputs, kernel, data_format: str, padding: str = "same"):
    """`shifted_sum`, one image after the other, for the sake of its gradient under XLA on CPUs.

    XLA makes vector operations of a sum over images and none of a sum over pixels. So every pixel
    gets weights of its own here, the gradients of which are summed up image by image, and over
    pixels only at the end, as the gradient of the broadcast. What an image's gradient needs is
    computed again, so that nothing but the inputs is kept.
    """
    taps = tuple(kernel.shape[:-2])
    image_shape = (1, *inputs.shape[1:])
    weights = [
        ops.broadcast_to(weight, image_shape)
        for weight in _weights(kernel, len(inputs.shape), data_format)
    ]

    @keras.remat
    def of_image(image, *weights):
        padded = _padded(image, taps, data_format, padding)
        return _sum(padded, weights, taps, data_format)

    return ops.map(lambda image: of_image(image[None], *weights)[0], inputs)


def _sum(padded, weights, taps, data_format):
    windows = _windows(padded, taps, data_format)
    return sum(weight * window for weight, window in zip(weights, windows, strict=True))


def _first_spatial_axis(data_format) -> int:
    """The axis behind the batch's, or behind the channels'."""
    return 2 if data_format == "channels_first" else 1


def _padded(inputs, taps, data_format, padding):
    """Zeros around the feature maps, or in front of them."""
    if padding == "valid":
        return inputs
    widths = [(0, 0)] * len(inputs.shape)
    for axis, size in enumerate(taps, _first_spatial_axis(data_format)):
        widths[axis] = (size - 1, 0) if padding == "causal" else (size // 2, size // 2)
    return ops.pad(inputs, widths)


def _windows(padded, taps, data_format):
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
