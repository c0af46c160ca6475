"""A plain convolutional network of the kind that ON/OFF ReLU was proposed for."""

from collections.abc import Callable

import keras

from keras_negact import _checks
from keras_negact._activations import doubles_width, resolve_activation
from keras_negact.layers.looks_linear import LooksLinear
from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.layers.retina import RetinalOpponency
from keras_negact.models._parts import (
    check_network,
    convolution,
    normalized_convolution,
    pooled_logits,
)

_DOUBLING_PROTOCOLS = ("full", "halved")
_CONVENTIONAL_PROTOCOLS = ("conventional", "conventional_half")
_HALF_AS_MANY_FILTERS = ("halved", "conventional_half")


def on_off_cnn(
    input_shape: tuple[int, ...],
    num_classes: int,
    activation: str | keras.layers.Layer | Callable[[], keras.layers.Layer] = "on_off_relu",
    protocol: str = "full",
    retina: bool = False,
    width: int = 32,
    synchronized: bool = False,
    normalization: str | None = "batch",
) -> keras.Model:
    """Build a plain CNN in one of the ON/OFF paper's protocols.

    Three stages of two 3-wide convolutions, each with a normalization and the activation; after
    each stage the image is halved by maximum pooling. A stage has twice the filters of the one
    before, and one dense layer reads the mean over the image. The paper's layer table is not known
    to us: this network is of its kind, and its layers are our choice.

    | protocol | filters of the first stage | features behind its activations | parameters |
    |---|---|---|---|
    | `"full"` | `width` | `2 * width` | 576,618 |
    | `"halved"` | `width / 2` | `width` | 145,466 |
    | `"conventional"` | `width` | `width` | 289,642 |
    | `"conventional_half"` | `width / 2` | `width / 2` | 73,402 |

    Batch normalization re-centres every channel and leaves few units dead, which is what ON/OFF
    ReLU is made for; the authors' network had none as far as is known. Without it the convolutions
    have biases, and start so that a response keeps its second moment: those that read a pair of ON
    and OFF by `LooksLinear`, all others by `he_normal`.

    Parameters are those for 32 x 32 x 3 images, 10 classes, a width of 32, batch
    normalization, and `OnOffReLU` or ReLU.
    The first two protocols are the paper's, 100 % + 100 % and 50 % + 50 % of ON and OFF features;
    they take an activation that doubles the width, the other two one that keeps it.

    Args:
        input_shape: `(height, width, channels)` or `(length, channels)`, of any size; channels
            first where Keras is configured so.
        num_classes: the number of logits.
        activation: a name, a layer used as a template, or a factory without arguments.
        protocol: `"full"`, `"halved"`, `"conventional"` or `"conventional_half"`.
        retina: whether `RetinalOpponency` stands in front; RGB images only.
        width: filters of the first stage before a protocol halves them.
        normalization: `"batch"`, or `None` for none.
        synchronized: whether replicas share the statistics of a batch.

    Returns:
        A Functional model from images to logits `(batch, num_classes)`.

    Raises:
        ValueError: if an argument is not allowed, or the activation does not go with the protocol.

    Source:
        Kim, O, Kim, Lee, Convolutional Neural Network with Biologically Inspired Retinal Structure,
        Procedia Computer Science 88 (2016) 145-154.

    Examples:
        >>> on_off_cnn((32, 32, 3), 10).output_shape
        (None, 10)
    """
    check_network(input_shape, (2, 3), synchronized, num_classes=num_classes, width=width)
    _checks.flag("retina", retina)
    _checks.one_of("normalization", normalization, ("batch", None))
    fresh_activation = resolve_activation(activation, rank=len(input_shape) + 1)
    _check_protocol(protocol, activation, doubles_width(fresh_activation()))
    filters = width
    if protocol in _HALF_AS_MANY_FILTERS:
        if width % 2:
            raise ValueError(f"`width` must be even to be halved. Received: width={width}")
        filters = width // 2

    inputs = keras.Input(input_shape, name="images")
    x = RetinalOpponency(name="retina")(inputs) if retina else inputs
    reads_pair = retina
    for stage in range(3):
        for place in ("first", "second"):
            name = f"stage{stage + 1}_{place}"
            if normalization == "batch":
                x = normalized_convolution(
                    x, filters * 2**stage, 3, name, synchronized=synchronized
                )
            else:
                start = LooksLinear() if reads_pair else "he_normal"
                x = convolution(x, filters * 2**stage, 3, name, start=start)
            activation_layer = fresh_activation()
            x = activation_layer(x)
            reads_pair = isinstance(activation_layer, OnOffReLU)
        x = _halved(x, name=f"stage{stage + 1}_pool")
    return keras.Model(inputs, pooled_logits(x, num_classes), name=f"on_off_cnn_{protocol}")


def _check_protocol(protocol, activation, doubles):
    _checks.one_of("protocol", protocol, _DOUBLING_PROTOCOLS + _CONVENTIONAL_PROTOCOLS)
    if doubles != (protocol in _DOUBLING_PROTOCOLS):
        allowed = _DOUBLING_PROTOCOLS if doubles else _CONVENTIONAL_PROTOCOLS
        raise ValueError(
            f"activation={activation!r} {'doubles' if doubles else 'keeps'} the width, so "
            f"`protocol` must be one of {', '.join(allowed)}. Received: protocol={protocol!r}"
        )


def _halved(x, name):
    rank = len(x.shape) - 2
    return getattr(keras.layers, f"MaxPooling{rank}D")(2, padding="same", name=name)(x)
