"""The residual network for CIFAR of He et al. (2016)."""

from collections.abc import Callable

import keras

from keras_negact import _checks
from keras_negact._activations import doubles_width, resolve_activation
from keras_negact.models._parts import (
    channel_axis,
    check_network,
    normalized_convolution,
    pooled_logits,
)


def cifar_resnet(
    depth: int = 20,
    input_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
    activation: str | keras.layers.Layer | Callable[[], keras.layers.Layer] = "relu",
    width: int = 16,
    synchronized: bool = False,
) -> keras.Model:
    """Build the CIFAR ResNet: three stages of residual blocks with 3 x 3 convolutions.

    A block computes `act(x + BN(conv(act(BN(conv(x))))))`. The stages have `width`, `2 * width` and
    `4 * width` channels, the second and the third begin with a stride of 2, and one dense layer
    reads the mean over the image.

    Shortcuts are the paper's option A, which it uses on CIFAR: identities, and where a stage begins
    every second pixel with zeros for the new channels. They have no weights, so activations are
    compared in networks whose every convolution stands behind one.

    An activation that doubles the width stands only where no sum reads it, since both sides of a
    sum must have the same channels: between the two convolutions of each block and after the last
    sum. Elsewhere it gives way to ReLU, so `activation="on_off_relu"` makes a mixed network.

    Args:
        depth: 6 n + 2 for n blocks a stage, such as 8, 14, 20, 32, 44, 56 and 110.
        input_shape: `(height, width, channels)`; channels first where Keras is configured so.
        num_classes: the number of logits.
        activation: a name, a layer used as a template, or a factory without arguments.
        width: channels of the first stage.
        synchronized: whether replicas share the statistics of a batch.

    Returns:
        A Functional model from images to logits `(batch, num_classes)`.

    Raises:
        ValueError: if an argument is not allowed.

    Source:
        He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2.
        ResNet-20 with ReLU trains 269,722 parameters; the paper says 0.27 million.

    Examples:
        >>> model = cifar_resnet(8, activation="leni")
        >>> model.output_shape
        (None, 10)
    """
    check_network(input_shape, (3,), synchronized, num_classes=num_classes, width=width)
    if _checks.integer("depth", depth, 8) % 6 != 2:
        raise _checks.refused("depth", "6 n + 2, at least 8", depth)
    blocks = (depth - 2) // 6
    fresh_activation = resolve_activation(activation)
    activation_before_sums = (
        keras.layers.ReLU if doubles_width(fresh_activation()) else fresh_activation
    )

    inputs = keras.Input(input_shape, name="images")
    x = normalized_convolution(inputs, width, 3, "stem", synchronized=synchronized)
    x = activation_before_sums()(x)
    for stage in range(3):
        for block in range(blocks):
            name = f"stage{stage + 1}_block{block + 1}"
            begins_stage = stage > 0 and block == 0
            filters, strides = width * 2**stage, 2 if begins_stage else 1
            shortcut = _halved_image_doubled_channels(x, filters // 2) if begins_stage else x
            x = normalized_convolution(x, filters, 3, f"{name}_first", strides, synchronized)
            x = fresh_activation()(x)
            x = normalized_convolution(x, filters, 3, f"{name}_second", 1, synchronized)
            x = keras.layers.Add(name=f"{name}_sum")([shortcut, x])
            is_last = stage == 2 and block == blocks - 1
            x = fresh_activation()(x) if is_last else activation_before_sums()(x)
    return keras.Model(inputs, pooled_logits(x, num_classes), name=f"cifar_resnet{depth}")


def _halved_image_doubled_channels(x, new_channels):
    every_second_pixel = keras.layers.AveragePooling2D(pool_size=1, strides=2)(x)
    padding = [[0, 0]] * 4
    padding[channel_axis()] = [0, new_channels]
    return keras.ops.pad(every_second_pixel, padding)
