"""The layers that are measured against each other, all as Keras layers on any backend."""

import keras
from keras import ops

from keras_negact import LENI, OnOffReLU
from keras_negact.layers.ops.shifted import shifted_sum, shifted_sum_by_image
from keras_negact.layers.rivals import FunnelReLU


class Applied(keras.layers.Layer):
    """A function of the input and of per-channel weights, as someone would write it in a layer."""

    def __init__(self, function, scales=(), taps=None, **kwargs):
        super().__init__(**kwargs)
        self.function, self.scales, self.taps = function, scales, taps

    def build(self, input_shape):
        channels = input_shape[-1]
        self.weights_of_function = [
            self.add_weight(name=name, shape=(channels,), initializer="ones")
            for name in self.scales
        ]
        if self.taps:
            shape = (*(self.taps,) * (len(input_shape) - 2), channels, 1)
            self.weights_of_function.append(self.add_weight(name="kernel", shape=shape))

    def call(self, inputs):
        return self.function(inputs, *self.weights_of_function)


def _depthwise(x, kernel):
    if len(x.shape) == 2:
        return x * kernel[:, 0]
    return ops.depthwise_conv(x, kernel, padding="same")


def _crelu(x):
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return tf.nn.crelu(x)
    return _concatenated(x)


def _concatenated(x):
    return ops.concatenate([ops.relu(x), ops.relu(-x)], axis=-1)


def _stacked(x):
    pairs = ops.stack([ops.relu(x), ops.relu(-x)], axis=-2)
    return ops.reshape(pairs, (*ops.shape(x)[:-1], 2 * x.shape[-1]))


def _shifted(x, kernel):
    return shifted_sum(ops.relu(-x), ops.convert_to_tensor(kernel), "channels_last")


def _shifted_by_image(x, kernel):
    return shifted_sum_by_image(ops.relu(-x), ops.convert_to_tensor(kernel), "channels_last")


class ComposedLENI(keras.layers.Layer):
    """LENI out of Keras layers, as the paper's figure reads."""

    def build(self, input_shape):
        spatial_rank, channels = len(input_shape) - 2, input_shape[-1]
        convolution = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D}[spatial_rank]
        depthwise = {1: keras.layers.DepthwiseConv1D, 2: keras.layers.DepthwiseConv2D}
        self.relu = keras.layers.ReLU()
        self.transform = depthwise[spatial_rank](3, padding="same", use_bias=False)
        self.transform.build(input_shape)
        self.compress = convolution(channels, 1, groups=channels, use_bias=False)
        self.compress.build((*input_shape[:-1], 2 * channels))

    def call(self, inputs):
        positive = self.relu(inputs)
        negative = self.transform(self.relu(-inputs))
        paired = ops.stack([positive, negative], axis=-1)
        paired = ops.reshape(paired, (*ops.shape(inputs)[:-1], 2 * inputs.shape[-1]))
        return self.compress(paired)


def contenders(shape: tuple) -> dict:
    """From each name to a new layer for inputs of this shape, batch included."""
    spatial_axes = list(range(1, len(shape) - 1))
    layers = {
        "relu": keras.layers.ReLU(),
        "leaky_relu": keras.layers.LeakyReLU(),
        "prelu": keras.layers.PReLU(shared_axes=spatial_axes or None),
        "crelu": Applied(_crelu),
        "on_off_relu": OnOffReLU(),
        # The forms of which `keras_negact.layers.ops` chooses one.
        "on_off_concatenated": Applied(_concatenated),
        "on_off_stacked": Applied(_stacked),
        "leni": LENI(start="random"),
        "leni_sum": LENI(compression="sum", start="random"),
        "leni_shifted": Applied(
            lambda x, p, k: p * ops.relu(x) + _shifted(x, k), scales=("positive_scale",), taps=3
        ),
        "leni_by_image": Applied(
            lambda x, p, k: p * ops.relu(x) + _shifted_by_image(x, k),
            scales=("positive_scale",),
            taps=3,
        ),
        "leni_by_hand": Applied(
            lambda x, p, n, k: p * ops.relu(x) + n * _depthwise(ops.relu(-x), k),
            scales=("positive_scale", "negative_scale"),
            taps=3,
        ),
        "funnel_relu": FunnelReLU(),
        "depthwise": Applied(_depthwise, taps=3),
        "relu_and_depthwise": Applied(lambda x, k: (ops.relu(x), _depthwise(x, k)), taps=3),
    }
    if keras.config.backend() != "jax":
        # XLA alone makes one loop of the shifted products.
        layers.pop("leni_by_image")
    if not spatial_axes:
        for name in ("leni_shifted", "leni_by_image"):
            layers.pop(name, None)
    if len(spatial_axes) == 3:
        # Keras has no depthwise convolution there: LENI's own form and shifted products are left.
        for name in ("leni_by_hand", "funnel_relu", "depthwise", "relu_and_depthwise"):
            layers.pop(name)
    elif spatial_axes:
        layers["leni_composed"] = ComposedLENI()
    return layers
