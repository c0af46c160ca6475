"""ResNet-18 and ResNet-50 with an activation of one's choice."""

from collections.abc import Callable

import keras
from keras import layers

from keras_negact._activations import doubles_width, resolve_activation

# Blocks a stage, and whether a block is a bottleneck.
DEPTHS = {18: ((2, 2, 2, 2), False), 50: ((3, 4, 6, 3), True)}


def imagenet_resnet(
    depth: int,
    size: int = 224,
    num_classes: int = 1000,
    activation: str | keras.Layer | Callable[[], keras.Layer] = "relu",
) -> keras.Model:
    """Build a ResNet; the last normalization of a block starts at zero, strides are at the 3 x 3.

    Where a sum would meet doubled channels, ReLU stands in, as in `cifar_resnet`.

    Args:
        depth: 18 or 50.
        size: of the images, pixels a side.
        num_classes: the number of logits.
        activation: a name, a layer used as a template, or a factory without arguments.

    Source:
        He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, CVPR 2016. ResNet-18 has
        11,689,512 parameters with 1,000 classes, ResNet-50 25,557,032, without the normalizations'
        statistics. Zeros in the last normalization: Goyal et al., arXiv 1706.02677.
    """
    if depth not in DEPTHS:
        raise ValueError(f"`depth` must be one of {', '.join(map(str, DEPTHS))}. Received: {depth}")
    blocks, is_bottleneck = DEPTHS[depth]
    inner = resolve_activation(activation)
    outer = layers.ReLU if doubles_width(inner()) else inner
    inputs = keras.Input((size, size, 3), name="images")
    x = outer()(_normalized(inputs, 64, 7, "stem", strides=2))
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    for stage, count in enumerate(blocks):
        for block in range(count):
            strides = 2 if stage > 0 and block == 0 else 1
            name = f"stage{stage + 1}_block{block + 1}"
            x = _block(x, 64 * 2**stage, strides, is_bottleneck, name, inner, outer)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    outputs = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(inputs, outputs, name=f"resnet{depth}")


def _block(x, filters, strides, is_bottleneck, name, inner, outer):
    expanded = 4 * filters if is_bottleneck else filters
    shortcut = x
    if strides > 1 or x.shape[-1] != expanded:
        shortcut = _normalized(x, expanded, 1, f"{name}_shortcut", strides)
    if is_bottleneck:
        x = inner()(_normalized(x, filters, 1, f"{name}_reduce"))
    x = inner()(_normalized(x, filters, 3, f"{name}_first", strides))
    x = _normalized(x, expanded, 1 if is_bottleneck else 3, f"{name}_last", gamma="zeros")
    return outer()(layers.Add(name=f"{name}_sum")([shortcut, x]))


def _normalized(x, filters, kernel_size, name, strides=1, gamma="ones"):
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, gamma_initializer=gamma, name=f"{name}_norm"
    )(x)
