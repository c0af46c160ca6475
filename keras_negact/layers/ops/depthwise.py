"""Depthwise convolution (stride 1, one output a channel) at any spatial rank."""

import math

import keras
from keras import ops

from keras_negact.layers._backend import compiled_by_xla, has_accelerator
from keras_negact.layers.ops.shifted import shifted_sum, shifted_sum_by_image


def depthwise_convolution(inputs, kernel, data_format: str, padding: str = "same"):
    """`y[i, c] = sum_t kernel[t, c, 0] * inputs[i + t - center, c]`.

    Args:
        inputs: `(batch, *spatial, C)`, or channels first.
        kernel: `(*taps, C, 1)`, one axis of taps for each spatial axis.
        data_format: where the channels are.
        padding: `"same"` (zeros around, odd taps), `"causal"` (zeros in front, one spatial axis:
            `center` is the last tap) or `"valid"`.
    """
    taps = tuple(kernel.shape[:-2])
    if math.prod(taps) == 1:
        shape = [1] * len(inputs.shape)
        shape[_channel_axis(inputs, data_format)] = -1
        return inputs * ops.reshape(kernel, shape)
    if compiled_by_xla():
        return shifted_sum(inputs, kernel, data_format, padding)
    if padding == "causal":
        widths = [(0, 0)] * 3
        widths[_first_spatial_axis(data_format)] = (taps[0] - 1, 0)
        inputs, padding = ops.pad(inputs, widths), "valid"
    if len(taps) > 2 and keras.config.backend() != "torch":
        return _by_planes(inputs, kernel, data_format, padding)
    if data_format == "channels_first" and not _has_channels_first():
        outputs = ops.depthwise_conv(
            ops.moveaxis(inputs, 1, -1), kernel, padding=padding, data_format="channels_last"
        )
        return ops.moveaxis(outputs, -1, 1)
    return ops.depthwise_conv(inputs, kernel, padding=padding, data_format=data_format)


def _has_channels_first() -> bool:
    """Not on TensorFlow's CPUs, where Keras moves the channels itself from 3.15 on."""
    return keras.config.backend() != "tensorflow" or has_accelerator()


def filter_negative_part(
    inputs, kernel, data_format: str, padding: str = "same", training: bool = False
):
    """`depthwise_convolution(relu(-inputs), kernel)`.

    Args:
        inputs, kernel, data_format, padding: as for `depthwise_convolution`.
        training: whether a gradient will be asked for, so that its speed counts. It is right in any
            case.
    """
    negative_part = ops.relu(ops.negative(inputs))
    several_taps = math.prod(kernel.shape[:-2]) > 1
    if several_taps and _gains_by_image(inputs) and training:
        return shifted_sum_by_image(negative_part, kernel, data_format, padding)
    return depthwise_convolution(negative_part, kernel, data_format, padding)


def _gains_by_image(inputs) -> bool:
    """Whether one image after the other is fast: JAX on CPUs, several images of known size."""
    if keras.config.backend() != "jax" or has_accelerator():
        return False
    # Exported with unknown sizes, a shape has symbols in it.
    return all(isinstance(size, int) for size in inputs.shape) and inputs.shape[0] > 1


def _channel_axis(inputs, data_format):
    return 1 if data_format == "channels_first" else len(inputs.shape) - 1


def _first_spatial_axis(data_format):
    return 2 if data_format == "channels_first" else 1


def _by_planes(inputs, kernel, data_format, padding):
    """Three spatial axes as a sum over the first one's taps: TensorFlow has no such operation."""
    depth_axis = _first_spatial_axis(data_format)
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
