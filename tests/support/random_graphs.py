"""Random small networks of the kinds of layers that surgery knows, and of some that it does not."""

import keras
import numpy as np
from hypothesis import strategies as st
from keras import layers, ops

from tests.support.own_layers import Centred, ChannelScale, Mixer, Swoosh, TwoBranches
from tests.support.random_fronts import front

FUNCTIONS = ("relu", "relu", "relu", "relu6", "silu", "gelu", "sigmoid", "hard_silu", "softmax")


class Builder:
    """Grows a network, one drawn step after the other.

    Args:
        draw: hypothesis's own.
        rank: number of spatial axes.
        data_format: where the channels are.
        depth: how many models may be nested in one another.
    """

    def __init__(self, draw, rank: int, data_format: str, depth: int):
        self.draw, self.rank, self.data_format, self.depth = draw, rank, data_format, depth
        self.axis = 1 if data_format == "channels_first" else rank + 1
        self.reusable: list = []

    def pick(self, *options):
        return self.draw(st.sampled_from(options))

    def flip(self) -> bool:
        return self.draw(st.booleans())

    def maps(self, x) -> int:
        return x.shape[self.axis]

    def layer(self, kind: str, *args, **kwargs):
        """A layer for the rank, such as Conv2D; what there is not for three axes, in its place."""
        name = f"{kind}{self.rank}D"
        if not hasattr(layers, name):
            name = f"Conv{self.rank}D"
            kwargs.setdefault("filters", 4)
            kwargs.pop("depth_multiplier", None)
        if self.rank > 1 or kind not in ("Cropping", "UpSampling"):
            kwargs["data_format"] = self.data_format
        return getattr(layers, name)(*args, **kwargs)

    def network(self, x, steps: int):
        """Grow on from `x`."""
        tensors = [x, self.convolution(x)]
        for _ in range(steps):
            # Mostly onwards from the last tensor; sometimes a branch.
            x = tensors[-1] if self.draw(st.integers(0, 3)) else self.pick(*tensors)
            tensors.append(self.step(x, tensors))
        return tensors

    def step(self, x, tensors):
        kinds = (
            *("activation",) * 5,
            *("convolution",) * 3,
            *("normalization",) * 2,
            *("merge",) * 3,
            *("shared",) * 2,
            "depthwise",
            "separable",
            "transposed",
            "grouped",
            "spatial",
            "dropout",
            "concatenation",
            "gate",
            "dense",
            "reshape",
            "constant",
            "unknown",
            "nested",
            "branches",
            "adapted",
            "own",
            "own",
            "leaky",
            "leaky",
            *(("sequence",) * 5 if self.rank == 1 else ()),
        )
        return getattr(self, self.pick(*kinds))(x, tensors)

    def activation(self, x, tensors=None):
        kind = self.pick("layer", "layer", "named", "learned", "operation", "twice", "linear")
        if kind == "layer":
            return self.pick(layers.ReLU(), layers.ReLU(6.0), layers.LeakyReLU(), layers.ELU())(x)
        if kind == "named":
            return layers.Activation(self.pick(*FUNCTIONS))(x)
        if kind == "learned":
            spatial = [a for a in range(1, self.rank + 2) if a != self.axis]
            return layers.PReLU("uniform", shared_axes=spatial if self.flip() else None)(x)
        if kind == "linear":
            return layers.Activation(self.pick(None, "linear"))(x)
        if kind == "twice":
            relu = layers.ReLU()
            return relu(layers.BatchNormalization(axis=self.axis)(relu(x)))
        return self.pick(ops.relu, ops.relu6, ops.leaky_relu, ops.gelu, ops.sigmoid)(x)

    def convolution(self, x, tensors=None, **kwargs):
        activation = self.pick(None, *FUNCTIONS[:6], "prelu")
        if activation == "prelu":
            activation = layers.PReLU("uniform", shared_axes=list(range(1, self.rank + 2)))
        layer = self.layer(
            "Conv",
            filters=self.pick(4, 4, 6),
            kernel_size=self.pick(1, 3),
            padding="same",
            activation=activation,
            use_bias=self.flip(),
            **kwargs,
        )
        if tensors is not None:
            self.reusable.append((layer, x.shape))
        return layer(x)

    def grouped(self, x, tensors=None):
        return self.convolution(x, groups=2) if self._runs_groups(x) else self.convolution(x)

    def _runs_groups(self, x) -> bool:
        return self.maps(x) % 2 == 0

    def depthwise(self, x, tensors=None):
        activation = self.pick(None, "relu", "silu")
        return self.layer(
            "DepthwiseConv",
            kernel_size=3,
            padding="same",
            depth_multiplier=self.pick(1, 1, 2),
            activation=activation,
        )(x)

    def separable(self, x, tensors=None):
        return self.layer(
            "SeparableConv",
            filters=4,
            kernel_size=3,
            padding="same",
            depth_multiplier=self.pick(1, 2),
            activation=self.pick(None, "relu"),
        )(x)

    def transposed(self, x, tensors=None):
        name = f"Conv{self.rank}DTranspose"
        return getattr(layers, name)(
            4, 3, padding="same", data_format=self.data_format, activation=self.pick(None, "relu")
        )(x)

    def normalization(self, x, tensors=None):
        kind = self.pick("batch", "batch", "group", "layer")
        if kind == "batch":
            return layers.BatchNormalization(axis=self.axis, scale=self.flip())(x)
        if kind == "group":
            groups = self.pick(2, -1) if self.maps(x) % 2 == 0 else -1
            return layers.GroupNormalization(groups, axis=self.axis)(x)
        return layers.LayerNormalization(axis=self.axis)(x)

    def spatial(self, x, tensors=None):
        kind = self.pick("pool", "average", "pad", "up")
        if kind == "pool":
            return self.layer("MaxPooling", 2, padding="same", strides=1)(x)
        if kind == "average":
            return self.layer("AveragePooling", 3, padding="same", strides=1)(x)
        if kind == "pad":
            return self.layer("Cropping", 1)(self.layer("ZeroPadding", 1)(x))
        return self.layer("MaxPooling", 2)(self.layer("UpSampling", 2)(x))

    def dropout(self, x, tensors=None):
        return self.pick(layers.Dropout(0.5), layers.GaussianNoise(0.1), layers.Identity())(x)

    def merge(self, x, tensors):
        partners = [y for y in tensors if y.shape == x.shape and y is not x]
        if not partners:
            return layers.Add()([x, self.convolution_to(x, x.shape)])
        y = self.pick(*partners)
        kind = self.pick("add", "add", "layer", "operator")
        if kind == "add":
            return layers.Add()([x, y])
        if kind == "layer":
            return self.pick(layers.Maximum(), layers.Average(), layers.Multiply())([x, y])
        return x + y if self.flip() else ops.maximum(x, y)

    def leaky(self, x, tensors=None):
        """A leaky rectifier, with what is linear behind it."""
        spatial = list(range(1, self.rank + 1))
        leaky = self.pick(
            layers.LeakyReLU(0.3),
            layers.PReLU("uniform", shared_axes=spatial),
            layers.ReLU(None, 0.1),
        )
        x = leaky(x)
        for _ in range(self.draw(st.integers(0, 2))):
            kind = self.pick("average", "dropout", "own", "linear")
            if kind == "average":
                x = self.layer("AveragePooling", 3, padding="same", strides=1)(x)
            elif kind == "dropout":
                x = layers.Dropout(0.5)(x)
            else:
                x = ChannelScale()(x) if kind == "own" else layers.Activation("linear")(x)
        return self.convolution(x)

    def adapted(self, x, tensors=None):
        """A dense layer with a LoRA kernel."""
        layer = layers.Dense(4, activation=self.pick(None, "relu"))
        y = layer(x)
        layer.enable_lora(2, lora_alpha=self.pick(2, 8))
        return y

    def own(self, x, tensors=None):
        """A layer of a user's."""
        return self.pick(ChannelScale(), Mixer(4), Swoosh(), Centred())(x)

    def branches(self, x, tensors):
        partners = [y for y in tensors if y.shape == x.shape]
        y = self.pick(x, *partners)
        return TwoBranches(tuple(x.shape[1:]), 4)([x, y])

    def sequence(self, x, tensors=None):
        """A layer that knows an order, or masks."""
        kinds = ("recurrent", "bidirectional", "distributed", "stepwise", "attention", "causal")
        kind = self.pick(*kinds)
        if kind == "recurrent":
            return self.pick(layers.LSTM, layers.GRU, layers.SimpleRNN)(4, return_sequences=True)(x)
        if kind == "bidirectional":
            return layers.Bidirectional(layers.GRU(2, return_sequences=True))(x)
        if kind == "distributed":
            return layers.TimeDistributed(layers.Dense(4, activation=self.pick(None, "relu")))(x)
        if kind == "stepwise":
            inner = [layers.Dense(4, activation="relu"), self.pick(layers.ReLU(), layers.Dense(4))]
            return layers.TimeDistributed(keras.Sequential([keras.Input(x.shape[2:]), *inner]))(x)
        if kind == "attention":
            return layers.MultiHeadAttention(2, 3)(x, x)
        activation = self.pick(None, "relu", "silu")
        return layers.Conv1D(4, 3, padding="causal", activation=activation)(x)

    def convolution_to(self, x, shape):
        return self.layer("Conv", filters=shape[self.axis], kernel_size=1)(x)

    def concatenation(self, x, tensors):
        y = self.pick(*tensors)
        same = [
            a == b for i, (a, b) in enumerate(zip(x.shape, y.shape, strict=True)) if i != self.axis
        ]
        if not all(same) or self.maps(x) + self.maps(y) > 16:
            return self.activation(x)
        if self.flip():
            return layers.Concatenate(axis=self.axis)([x, y])
        return ops.concatenate([y, x], axis=self.axis)

    def gate(self, x, tensors=None):
        channels = self.maps(x)
        kept = self.layer("GlobalAveragePooling", keepdims=True)(x)
        squeezed = self.layer("Conv", filters=2, kernel_size=1, activation="relu")(kept)
        excited = self.layer("Conv", filters=channels, kernel_size=1)(squeezed)
        if self.flip():
            return layers.Multiply()([x, layers.Activation("sigmoid")(excited)])
        return layers.Multiply()([x, layers.ReLU(6.0)(excited + 3.0) * (1.0 / 6.0)])

    def dense(self, x, tensors=None):
        if self.data_format == "channels_first":
            return self.convolution(x)
        return layers.Dense(4, activation=self.pick(None, "relu"))(x)

    def reshape(self, x, tensors=None):
        kind = self.pick("split", "there and back", "permute")
        shape = tuple(x.shape[1:])
        if kind == "permute":
            dims = (*range(2, self.rank + 2), 1)
            inverse = tuple(int(i) + 1 for i in np.argsort([d - 1 for d in dims]))
            return layers.Permute(inverse)(layers.Activation("relu")(layers.Permute(dims)(x)))
        if kind == "split" or self.data_format == "channels_first":
            return layers.Reshape(shape)(layers.Reshape((-1,))(x))
        flat = layers.Reshape((int(np.prod(shape[:-1])), shape[-1]))(x)
        return layers.Reshape(shape)(layers.ReLU()(flat))

    def constant(self, x, tensors=None):
        if self.flip():
            return x * 0.5 + 1.0
        return layers.Rescaling(0.5, offset=0.1)(x)

    def unknown(self, x, tensors=None):
        if self.flip():
            return layers.Lambda(_twice)(x)
        return layers.UnitNormalization(axis=self.axis)(x)

    def shared(self, x, tensors):
        fitting = [layer for layer, shape in self.reusable if shape == x.shape]
        return self.pick(*fitting)(x) if fitting else self.convolution(x, tensors)

    def nested(self, x, tensors):
        if not self.depth:
            return self.activation(x)
        inner = Builder(self.draw, self.rank, self.data_format, self.depth - 1)
        if self.flip():
            model = keras.Sequential(
                [keras.Input(x.shape[1:]), *inner.stack(), self.layer("Conv", 4, 1)]
            )
        else:
            inputs = keras.Input(x.shape[1:])
            made = inner.network(inputs, steps=self.draw(st.integers(1, 3)))
            model = keras.Model(inputs, made[-1])
        self.reusable.append((model, x.shape))
        return model(x)

    def stack(self):
        convolution = self.layer("Conv", 4, 3, padding="same", activation="relu")
        normalization = layers.BatchNormalization(axis=self.axis)
        return [convolution, normalization, layers.Activation(self.pick("relu", "silu"))]

    def head(self, x):
        kind = self.pick("flat", "pooled", "maps", "none")
        if kind == "none":
            return x
        if kind == "maps":
            return self.layer("Conv", filters=2, kernel_size=1, activation=self.pick(None, "relu"))(
                x
            )
        if kind == "flat":
            x = layers.Flatten(data_format=self.data_format)(x)
        elif self.rank == 1 and self.flip():
            x = self.pick(layers.LSTM(4), layers.GRU(4))(x)
        else:
            x = self.layer(self.pick("GlobalAveragePooling", "GlobalMaxPooling"))(x)
        x = layers.Dense(5, activation=self.pick(None, "relu"))(x)
        return layers.Dense(3, activation=self.pick(None, "softmax", "relu"))(x)


@st.composite
def networks(draw, max_steps: int = 9, fronts: bool = True):
    """A small network with random weights; its batch normalizations all do something.

    Args:
        max_steps: how many steps it grows at most.
        fronts: whether lookups, embeddings and the like may stand in front.
    """
    rank = draw(st.sampled_from([1, 1, 2, 2, 2, 3]))
    builder = Builder(draw, rank, "channels_last", depth=draw(st.sampled_from([0, 0, 1, 2])))
    keras.utils.set_random_seed(draw(st.integers(0, 999)))
    inputs = x = keras.Input((4,) * rank + (3,))
    if fronts:
        inputs, x = front(builder.pick, rank)
    tensors = builder.network(x, steps=draw(st.integers(1, max_steps)))
    outputs = [builder.head(tensors[-1])]
    if builder.flip():
        outputs.append(builder.head(builder.pick(*tensors)))
    model = keras.Model(inputs, outputs)
    scramble(model)
    return model


def scramble(model: keras.Model) -> None:
    """Random values for every weight, positive ones for variances."""
    rng = np.random.default_rng(0)
    adapted = _adapted_statistics(model)
    for weight in model.weights:
        if weight.path in adapted:
            continue
        spread = 0.5 / np.sqrt(max(1, np.prod(weight.shape[:-1])))
        value = rng.normal(0, max(spread, 0.1), weight.shape)
        if weight.name == "moving_variance":
            value = 0.5 + np.abs(value)
        elif weight.name == "gamma":
            value = 1 + value
        weight.assign(value)


def _twice(x):
    # No lambda: its bytes in a config depend on how often its constants are referred to.
    return x * 2.0


def _adapted_statistics(model: keras.Model) -> set[str]:
    """The weights that a layer computes from data, and keeps a copy of."""
    adapted = (x for x in model.layers if isinstance(x, layers.Normalization))
    return {weight.path for layer in adapted for weight in layer.weights}
