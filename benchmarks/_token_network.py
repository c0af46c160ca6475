"""A small vision transformer, for blocks in the place of its GELUs."""

from collections.abc import Callable

import keras
from keras import layers

from keras_negact import LENI
from keras_negact._activations import resolve_activation

PATCH, WIDTH, DEPTH, HEADS = 2, 96, 4, 4
GROUP = 16


@keras.saving.register_keras_serializable("keras_negact_benchmarks")
class Positions(keras.Layer):
    """Adds a learned vector for each place to `(batch, places, channels)`."""

    def build(self, input_shape):
        self.vectors = self.add_weight(
            name="vectors",
            shape=tuple(input_shape[1:]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )
        self.built = True

    def call(self, inputs):
        return inputs + self.vectors

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


def token_network(
    input_shape: tuple[int, int, int],
    num_classes: int,
    activation: str | keras.Layer | Callable[[], keras.Layer] = "gelu",
) -> keras.Model:
    """Patches of 2 x 2 pixels, four blocks of attention and two dense layers, and their mean.

    Args:
        input_shape: `(height, width, channels)`.
        num_classes: the number of logits.
        activation: a name, a layer used as a template, or a factory without arguments.
    """
    fresh_activation = resolve_activation(activation)
    inputs = keras.Input(input_shape, name="images")
    x = layers.Conv2D(WIDTH, PATCH, strides=PATCH, name="patches")(inputs)
    x = layers.Reshape((-1, WIDTH), name="tokens")(x)
    x = Positions(name="positions")(x)
    for number in range(1, DEPTH + 1):
        name = f"block{number}"
        normalized = layers.LayerNormalization(name=f"{name}_attention_norm")(x)
        x += layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"{name}_attention")(
            normalized, normalized
        )
        hidden = layers.LayerNormalization(name=f"{name}_dense_norm")(x)
        hidden = layers.Dense(2 * WIDTH, name=f"{name}_first")(hidden)
        hidden = fresh_activation()(hidden)
        x += layers.Dense(WIDTH, name=f"{name}_second")(hidden)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x), name="token_network")


def leni() -> LENI:
    """GELU, and what it takes off the negative part mixed within groups of channels."""
    groups = 2 * WIDTH // GROUP
    return LENI("gelu", transform="pointwise", transform_groups=groups)


ACTIVATIONS = {"gelu": "gelu", "leni": leni}
