"""One factor a channel."""

import keras
from keras import ops

from keras_negact.layers._backend import compiled_by_xla


def scale_channels(inputs, scale, channel_axis: int):
    """`inputs * scale`, with `scale` of shape `(C,)` along the channel axis."""
    rank = len(inputs.shape)
    shape = [1] * rank
    shape[channel_axis] = -1
    # Reshaped, it is a tensor and no variable, as `custom_gradient` wants it.
    scale = ops.reshape(scale, shape)
    is_tensorflow = keras.config.backend() == "tensorflow"
    if is_tensorflow and channel_axis == rank - 1 and not compiled_by_xla():
        return _scaled_by_last_axis(inputs, scale)
    return inputs * scale


@ops.custom_gradient
def _scaled_by_last_axis(inputs, scale):
    """The product, with the scale's gradient summed up by a matrix product.

    On CPU TensorFlow's sum over all axes but the last takes as long as a depthwise convolution.
    """

    def gradient(upstream):
        products = ops.reshape(upstream * inputs, (-1, inputs.shape[-1]))
        ones = ops.ones((1, ops.shape(products)[0]), products.dtype)
        return upstream * scale, ops.reshape(ops.matmul(ones, products), scale.shape)

    return inputs * scale, gradient
