"""Activations that LENI is measured against, and that the package offers for nothing else."""

import keras
from keras import ops

from keras_negact.layers._feature_map_layer import FeatureMapLayer


@keras.saving.register_keras_serializable(package="keras_negact")
class FunnelReLU(FeatureMapLayer):
    """The Funnel activation: a learned spatial condition in the place of ReLU's zero.

    Formula: `y = max(x, BN(K (*) x))`, with `K` a depthwise kernel.

    Args:
        kernel_size: taps along each spatial axis.
        data_format: `"channels_last"` or `"channels_first"`. `None`: Keras's own default.
        **kwargs: arguments of `keras.Layer`.

    Input shape:
        `(batch, *spatial, C)` or `(batch, C, *spatial)`, one or two spatial axes; the output's is
        the same. `(batch, C)` works too, with one tap.

    Weights:
        `kernel`: `(*taps, C, 1)`; those of a batch normalization.

    Source:
        Ma, Zhang, Sun, *Funnel Activation for Visual Recognition*, ECCV 2020. Momentum 0.9 of the
        normalization is that of this package's networks; the initial kernel is Glorot's.
    """

    def __init__(self, kernel_size=3, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.kernel_size = kernel_size
        self.normalization = keras.layers.BatchNormalization(
            axis=1 if self.data_format == "channels_first" else -1,
            momentum=0.9,
            dtype=self.dtype_policy,
            trainable=self.trainable,
            name="normalization",
        )

    def build(self, input_shape):
        taps = (self.kernel_size,) * (len(input_shape) - 2)
        self.kernel = self.add_weight(name="kernel", shape=(*taps, self._channels(input_shape), 1))
        self.normalization.build(input_shape)
        self.built = True

    def call(self, inputs):
        return ops.maximum(inputs, self.normalization(self._filtered(inputs)))

    def _filtered(self, inputs):
        if len(inputs.shape) == 2:
            return inputs * self.kernel[:, 0]
        return ops.depthwise_conv(inputs, self.kernel, padding="same", data_format=self.data_format)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable(package="keras_negact")
class FilteredReLU(FeatureMapLayer):
    """ReLU with a depthwise convolution beside it, which starts silent.

    Formula: `y = relu(x) + K (*) relu(x)`, `K = 0` at the start. As the positive branch of a `LENI`
    it gives that branch what the negative one has: the symmetric control for the claim that it is
    the asymmetry that helps.

    Args:
        kernel_size: taps along each spatial axis.
        data_format: `"channels_last"` or `"channels_first"`. `None`: Keras's own default.
        **kwargs: arguments of `keras.Layer`.

    Weights:
        `kernel`: `(*taps, C, 1)`.
    """

    def __init__(self, kernel_size=3, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.kernel_size = kernel_size

    def build(self, input_shape):
        taps = (self.kernel_size,) * (len(input_shape) - 2)
        self.kernel = self.add_weight(
            name="kernel", shape=(*taps, self._channels(input_shape), 1), initializer="zeros"
        )
        self.built = True

    def call(self, inputs):
        positive = ops.relu(inputs)
        if len(inputs.shape) == 2:
            return positive + positive * self.kernel[:, 0]
        return positive + ops.depthwise_conv(
            positive, self.kernel, padding="same", data_format=self.data_format
        )

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "kernel_size": self.kernel_size}
