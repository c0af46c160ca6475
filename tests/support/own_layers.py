"""Layers as a user writes them, with the rules that a user gives for them."""

import keras
from keras import layers, ops

from keras_negact import surgery


@keras.saving.register_keras_serializable(package="tests.support")
class ChannelScale(layers.Layer):
    """Multiplies each channel by a weight."""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        self.scale = self.add_weight(
            name="scale", shape=(input_shape[self.axis],), initializer="uniform"
        )

    def call(self, inputs):
        shape = [1] * len(inputs.shape)
        shape[self.axis] = -1
        return inputs * ops.reshape(self.scale, shape)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


@surgery.register(ChannelScale)
def channel_scale(layer):
    return surgery.keep_channels(weights={"scale": 0}, linear=True)


@keras.saving.register_keras_serializable(package="tests.support")
class Mixer(layers.Layer):
    """A dense layer without a bias."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@surgery.register(Mixer)
def mixer(layer):
    return surgery.mix_channels(input_axis=0, output_axis=1, bias=None, width="units")


@keras.saving.register_keras_serializable(package="tests.support")
class Swoosh(layers.Layer):
    """An activation."""

    def call(self, inputs):
        return inputs * ops.sigmoid(2.0 * inputs)


@surgery.register(Swoosh)
def swoosh(layer):
    return surgery.keep_channels(function=True)


@keras.saving.register_keras_serializable(package="tests.support")
class Centred(layers.Layer):
    """Looks at all channels at once; no rule is given for it."""

    def call(self, inputs):
        return inputs - ops.mean(inputs, axis=-1, keepdims=True)


class TwoBranches(keras.Model):
    """A Functional model whose constructor makes its own graph, of two inputs."""

    def __init__(self, shape, units, **kwargs):
        first, second = keras.Input(shape), keras.Input(shape)
        x = layers.Dense(units, activation="relu")(first)
        y = layers.LeakyReLU(0.2)(layers.Dense(units)(second))
        super().__init__([first, second], layers.Add()([x, y]), **kwargs)
        self.shape, self.units = shape, units

    def get_config(self):
        return {"shape": self.shape, "units": self.units, "name": self.name}
