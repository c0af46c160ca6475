"""Activations by name, template, class or factory: each as a factory of fresh layers."""

import inspect
from collections.abc import Callable

import keras

from keras_negact._checks import refused
from keras_negact.layers.leni import LENI
from keras_negact.layers.on_off_relu import OnOffReLU


def prelu(rank: int = 4, axis: int | None = None) -> keras.layers.PReLU:
    """One slope a channel, as its paper has it, shared over space, so that any size will do.

    Args:
        rank: number of axes of the feature maps, the batch included; images unless told otherwise.
        axis: that of the channels; `None`: where Keras's own data format has them.
    """
    if axis is None:
        axis = 1 if keras.config.image_data_format() == "channels_first" else rank - 1
    shared = [other for other in range(1, rank) if other != axis]
    return keras.layers.PReLU(shared_axes=shared or None)


_LAYERS = {
    "relu": keras.layers.ReLU,
    "leaky_relu": keras.layers.LeakyReLU,
    "prelu": prelu,
    "on_off_relu": OnOffReLU,
    "leni": LENI,
}

_ALLOWED = (
    f"one of {sorted(_LAYERS)}, the name of a Keras activation, a layer, a layer class, or a "
    "factory of layers without arguments (a function of feature maps goes in as "
    "keras.layers.Activation(function))"
)


def resolve_activation(spec, rank: int = 4) -> Callable[[], keras.layers.Layer]:
    """Make a factory of fresh activation layers out of what a user gives for one.

    Args:
        spec: a name (`"leni"`, `"on_off_relu"`, `"prelu"`, or any of Keras's activations), a layer
            as a template (copied through its config, with weights of its own), a layer class, or a
            factory without arguments.
        rank: number of axes of the feature maps, the batch included.

    Returns:
        A factory without arguments that makes a new layer at each call.

    Raises:
        ValueError: if there is no activation of that name, or `spec` is none of the above. What is
            returned raises it where a factory makes no layer.
    """
    if isinstance(spec, keras.Model):
        raise refused("activation", f"{_ALLOWED}, and no model", spec)
    if isinstance(spec, keras.Layer):
        return lambda: _copy(spec)
    if isinstance(spec, str):
        if spec == "prelu":
            return lambda: prelu(rank)
        if spec in _LAYERS:
            return _LAYERS[spec]
        try:
            function = keras.activations.get(spec)
        except ValueError:
            raise refused("activation", _ALLOWED, spec) from None
        return lambda: keras.layers.Activation(function)
    if not is_factory(spec):
        raise refused("activation", _ALLOWED, spec)

    def made() -> keras.Layer:
        layer = spec()
        if not isinstance(layer, keras.Layer):
            what = f"{layer!r}, from {spec!r}"
            raise ValueError(f"A factory of activations must return layers. Received: {what}")
        return layer

    return made


def name_of(layer: keras.layers.Layer) -> str:
    """The name that this package has for an activation's class, or `"activation"`."""
    return next((name for name, made in _LAYERS.items() if made is type(layer)), "activation")


def doubles_width(layer: keras.layers.Layer) -> bool:
    """Whether the layer puts out twice as many channels as it takes in, as it says itself."""
    if type(layer).compute_output_shape is keras.layers.Layer.compute_output_shape:
        # It would have to be built to say so, and a template must not be.
        return False
    # No layer makes this many of its own accord. The axis of the channels need not be known.
    for rank in (4, 3, 2):
        try:
            shape = layer.compute_output_shape((1, *(_UNLIKELY,) * (rank - 1)))
        except Exception:
            # Made for another rank.
            continue
        return 2 * _UNLIKELY in shape
    return False


_UNLIKELY = 6007


def is_factory(spec) -> bool:
    """Whether `spec` can be called without arguments; what C functions take is not known."""
    try:
        inspect.signature(spec).bind()
    except (TypeError, ValueError):
        return False
    return True


def _copy(template: keras.layers.Layer) -> keras.layers.Layer:
    config = template.get_config()
    # Two layers of one name do not go into one model.
    config.pop("name", None)
    return template.__class__.from_config(config)
