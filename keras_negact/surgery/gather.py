"""Brings channels into another order."""

from collections.abc import Sequence

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_negact")
class GatherChannels(keras.Layer):
    """Takes channels in a given order: `y_c = x_indices[c]`.

    Put before a grouped convolution whose input has doubled channels, it brings the channels of
    each group together.

    Args:
        indices: the input channel of each output channel.
        axis: the channel axis.
        **kwargs: arguments of `keras.Layer`.

    Input shape:
        Any, with `axis` the channel axis.

    Output shape:
        The input's, with `len(indices)` channels.
    """

    def __init__(self, indices: Sequence[int], axis: int = -1, **kwargs):
        super().__init__(**kwargs)
        self.indices = [int(index) for index in indices]
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        return ops.take(inputs, self.indices, axis=self.axis)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        shape[self.axis] = len(self.indices)
        return tuple(shape)

    def get_config(self):
        return {**super().get_config(), "indices": self.indices, "axis": self.axis}
