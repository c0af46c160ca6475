"""Depthwise convolution (stride 1, one output a channel) at any spatial rank."""

import math

import keras
from keras import ops

from keras_negact.layers._backend import compiled_by_xla
from keras_negact.layers._shifted import shifted_sum
from keras_negact.layers._shifted_gradient import shifted_sum_of_negative_part


def depthwise_convolution(inputs, kernel, data_format: str, padding: str = "same"):
    """`y[i, c] = sum_t kernel[t, c, 0] * inputs[i + t - center, c]`.

    Args:
        inputs: `(batch, *spatial, C)`, or channels first.
        kernel: `(*taps, C, 1)`, odd taps, one axis of taps for each spatial axis.
        data_format: where the channels are.
        padding: `"same"` (zeros) or `"valid"`.
    """
    taps = tuple(kernel.shape[:-2])
    if math.prod(taps) == 1:
        shape = [1] * len(inputs.shape)
        shape[_channel_axis(inputs, data_format)] = -1
        return inputs * ops.reshape(kernel, shape)
    if compiled_by_xla():
        return shifted_sum(inputs, kernel, data_format, padding)
    if len(taps) > 2 and keras.config.backend() != "torch":
        return _by_planes(inputs, kernel, data_format, padding)
    return ops.depthwise_conv(inputs, kernel, padding=padding, data_format=data_format)


def filter_negative_part(inputs, kernel, data_format: str):
    """`depthwise_convolution(relu(-inputs), kernel)` in the form that is fastest where it runs."""
    if compiled_by_xla() and math.prod(kernel.shape[:-2]) > 1:
        return shifted_sum_of_negative_part(inputs, kernel, data_format)
    return depthwise_convolution(ops.relu(-inputs), kernel, data_format)


def _channel_axis(inputs, data_format):
    return 1 if data_format == "channels_first" else len(inputs.shape) - 1


def _by_planes(inputs, kernel, data_format, padding):
    """Three spatial axes as a sum over the first one's taps: TensorFlow has no such operation."""
    depth_axis = 2 if data_format == "channels_first" else 1
    taps = kernel.shape[0]
    if padding == "same":
        widths = [(0, 0)] * len(inputs.shape)
        widths[depth_axis] = (taps // 2, taps // 2)
        inputs = ops.pad(inputs, widths)
    if data_format == "channels_first":
        inputs = ops.swapaxes(inputs, 1, 2)
    shape = ops.shape(inputs)
    depth = shape[1] - taps + 1
    total = None
    for tap in range(taps):
        planes = ops.reshape(inputs[:, tap : shape[1] - taps + 1 + tap], (-1, *shape[2:]))
        term = depthwise_convolution(planes, kernel[tap], data_format, padding)
        total = term if total is None else total + term
    total = ops.reshape(total, (-1, depth, *ops.shape(total)[1:]))
    return ops.swapaxes(total, 1, 2) if data_format == "channels_first" else total
