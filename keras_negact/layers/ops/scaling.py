"""One factor a channel."""

import keras
from keras import ops

from keras_negact.layers._backend import compiled_by_xla, has_accelerator


def scale_channels(inputs, scale, channel_axis: int, training: bool = False):
    """`inputs * scale`, with `scale` of shape `(C,)` along the channel axis.

    Args:
        inputs: feature maps with `C` channels on `channel_axis`.
        scale: the factors.
        channel_axis: where the channels are.
        training: whether a gradient will be asked for, so that its speed counts. It is right in any
            case.
    """
    rank = len(inputs.shape)
    if training and rank in (3, 4) and channel_axis == rank - 1 and _gains_as_convolution():
        kernel = ops.reshape(scale, (*(1,) * (rank - 2), -1, 1))
        return ops.depthwise_conv(inputs, kernel, data_format="channels_last")
    shape = [1] * rank
    shape[channel_axis] = -1
    return inputs * ops.reshape(scale, shape)


def _gains_as_convolution() -> bool:
    """Whether a convolution by one tap has the faster gradient: TensorFlow on CPUs, outside XLA.

    Its sum over all axes but the last takes as long there as a depthwise convolution.
    """
    is_tensorflow = keras.config.backend() == "tensorflow"
    return is_tensorflow and not compiled_by_xla() and not has_accelerator()
