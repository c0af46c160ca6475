"""Networks by the names that a command line gives them."""

import re

import keras

from keras_negact import _checks
from keras_negact._activations import doubles_width, resolve_activation
from keras_negact.models._parts import check_network
from keras_negact.models.cifar_resnet import cifar_resnet
from keras_negact.models.on_off_cnn import on_off_cnn
from keras_negact.surgery import clone_with_activation

_CIFAR_RESNET = r"cifar_resnet(\d+)"


def network_by_name(
    name: str,
    input_shape: tuple[int, int, int],
    num_classes: int,
    activation: str = "relu",
    synchronized: bool = False,
) -> keras.Model:
    """Build one of this package's networks, or one of `keras.applications` with fresh weights.

    Args:
        name: `"cifar_resnet"` followed by its depth, `"on_off_cnn"`, or a `keras.applications`
            name such as `"MobileNetV2"`.
        input_shape: `(height, width, channels)` of the images, with values in [-1, 1]. In front of
            an applications network images are enlarged to the least size that it takes and grey
            ones repeated to three channels.
        num_classes: the number of logits.
        activation: an activation's name. In `on_off_cnn` one that doubles the width gets the
            protocol `"full"`, any other `"conventional"`. In an applications network it is put in
            by `clone_with_activation`.
        synchronized: whether replicas share the statistics of a batch; not for applications.

    Returns:
        A model from images to logits `(batch, num_classes)`.

    Raises:
        ValueError: if there is no network of that name.

    Examples:
        >>> network_by_name("cifar_resnet8", (28, 28, 1), 10, "leni").output_shape
        (None, 10)
    """
    check_network_name(name)
    _checks.text("activation", activation)
    check_network(input_shape, (2, 3), synchronized, num_classes=num_classes)
    if depth := re.fullmatch(_CIFAR_RESNET, name):
        return cifar_resnet(
            int(depth[1]), input_shape, num_classes, activation, synchronized=synchronized
        )
    if name == "on_off_cnn":
        doubles = doubles_width(resolve_activation(activation)())
        protocol = "full" if doubles else "conventional"
        return on_off_cnn(input_shape, num_classes, activation, protocol, synchronized=synchronized)
    return _application(name, input_shape, num_classes, activation)


def check_network_name(name: str, argument: str = "name") -> None:
    """Raise a `ValueError` that lists the known names if `network_by_name` has no such network."""
    applications = sorted(key for key, value in vars(keras.applications).items() if callable(value))
    _checks.text(argument, name)
    if not (re.fullmatch(_CIFAR_RESNET, name) or name in ("on_off_cnn", *applications)):
        known = f"cifar_resnet20 or another depth, on_off_cnn, {', '.join(applications)}"
        raise _checks.refused(argument, f"one of {known}", name)


def _application(name, input_shape, num_classes, activation):
    check_network(input_shape, (3,), False)
    height, width, channels = input_shape
    network = _smallest(getattr(keras.applications, name), max(height, width), num_classes)
    side = network.input_shape[1]

    inputs = keras.Input(input_shape, name="images")
    x = inputs
    if (height, width) != (side, side):
        x = keras.layers.Resizing(side, side, name="enlarged")(x)
    if channels == 1:
        x = keras.layers.Concatenate(name="three_channels")([x, x, x])
    if _takes_bytes(network):
        x = keras.layers.Rescaling(127.5, offset=127.5, name="bytes")(x)
    outputs = clone_with_activation(network, activation)(x)
    return keras.Model(inputs, outputs, name=f"{name}_for_small_images")


def _takes_bytes(network):
    """Whether the network brings pixels from 0 to 255 to its own range itself."""
    own_range = (keras.layers.Rescaling, keras.layers.Normalization)
    return any(isinstance(layer, own_range) for layer in network.layers)


def _smallest(builder, side, num_classes):
    """The network at the images' own size, or at the least size that Keras asks for."""
    arguments = {"weights": None, "classes": int(num_classes), "classifier_activation": None}
    try:
        return builder(input_shape=(side, side, 3), **arguments)
    except ValueError as error:
        least = re.search(r"at least (\d+)x\d+", str(error))
        if not least:
            raise
        side = int(least[1])
        return builder(input_shape=(side, side, 3), **arguments)
