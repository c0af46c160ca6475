"""A depthwise convolution as a sum of shifted products: the form that XLA compiles well.

XLA runs depthwise convolutions slowly on CPU; a sum of products it makes into one loop.
`benchmarks/layers.py` measures both.
"""

import itertools

from keras import ops


def shifted_sum(inputs, kernel, data_format: str, padding: str = "same"):
    """The depthwise convolution of `inputs` by `kernel`, `(*taps, C, 1)`, with stride 1."""
    taps = tuple(kernel.shape[:-2])
    if padding == "same":
        inputs = pad(inputs, taps, data_format)
    weights = _weights(kernel, len(inputs.shape), data_format)
    return sum(w * s for w, s in zip(weights, shifts(inputs, taps, data_format), strict=True))


def first_spatial_axis(data_format) -> int:
    """The axis behind the batch's, or behind the channels'."""
    return 2 if data_format == "channels_first" else 1


def pad(inputs, taps, data_format):
    """Zeros around the feature maps, as many as `"same"` padding puts there."""
    widths = [(0, 0)] * len(inputs.shape)
    for axis, size in enumerate(taps, first_spatial_axis(data_format)):
        widths[axis] = (size // 2, size // 2)
    return ops.pad(inputs, widths)


def shifts(padded, taps, data_format):
    """For each tap the window of `padded` that it sees, in the order of the kernel's taps."""
    for tap in itertools.product(*map(range, taps)):
        window = [slice(None)] * len(padded.shape)
        for axis, (start, size) in enumerate(
            zip(tap, taps, strict=True), first_spatial_axis(data_format)
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
