"""The network that a search starts from: a model, a file, a name or a builder."""

import hashlib
import json
import os
import pathlib
from collections.abc import Callable

import keras

from keras_negact import plan_activation_swap
from keras_negact._checks import path, refused

Base = keras.Model | str | os.PathLike | Callable[[], keras.Model]


def network_source(base: Base, weights: str | os.PathLike | None) -> Callable[[], keras.Model]:
    """Make a function that gives the network without the block.

    A builder is called each time, so that fresh weights are drawn each time; the others give one
    and the same model, which is not to be changed.

    Raises:
        ValueError: when `base` is none of those allowed.
        FileNotFoundError: when there are no such weights.
    """
    if weights is not None:
        path("weights", weights, 'a file, None or "imagenet"')
    if isinstance(base, keras.Model):
        model = base if weights is None else _with_weights(unchanged_copy(base), weights)
    elif isinstance(base, str) and base in _application_names():
        model = getattr(keras.applications, base)(weights=weights)
    elif isinstance(base, (str, os.PathLike)):
        if not pathlib.Path(base).exists():
            raise ValueError(
                "`base` must be a file or a network of keras.applications "
                f"({', '.join(_application_names())}). Received: {str(base)!r}"
            )
        model = _with_weights(keras.models.load_model(base), weights)
    elif callable(base):
        return lambda: _with_weights(_built(base), weights)
    else:
        raise ValueError(
            "`base` must be a Keras model, a path to one, the name of a keras.applications network "
            f"or a function without arguments that builds one. Received: {base!r}"
        )
    return lambda: model


def _application_names() -> list[str]:
    return sorted(name for name, value in vars(keras.applications).items() if callable(value))


def _built(builder: Callable[[], keras.Model]) -> keras.Model:
    model = builder()
    if not isinstance(model, keras.Model):
        raise refused("base", "a builder that returns a Keras model", model)
    return model


def _with_weights(model: keras.Model, weights: str | os.PathLike | None) -> keras.Model:
    if weights is None:
        return model
    if not pathlib.Path(weights).exists():
        raise FileNotFoundError(
            '`weights` must be None, a file of weights, or "imagenet", which goes with the name '
            f"of a keras.applications network alone. Received: {str(weights)!r}"
        )
    model.load_weights(weights)
    return model


def unchanged_copy(model: keras.Model, synchronized: bool = False) -> keras.Model:
    """The network again, with layers and weights of its own."""
    plan = plan_activation_swap(model, lambda site: None, synchronized=synchronized)
    return plan.apply()


def describe_network(model) -> str:
    """A network in one line, equal for networks that differ in names and weights alone."""
    layers = list(_layers_of(model))
    digest = hashlib.sha256(json.dumps([_architecture(layer) for layer in layers]).encode())
    shape = model.input_shape
    return (
        f"a network of {len(layers)} layers and {model.count_params():,} parameters on inputs "
        f"{shape} ({digest.hexdigest()[:8]})"
    )


def _layers_of(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers_of(layer)
        else:
            yield layer


def _architecture(layer) -> list:
    # What is neither a plain value nor a list of them may hold names.
    config = {
        name: value
        for name, value in layer.get_config().items()
        if name not in ("name", "seed") and _is_plain(value)
    }
    shapes = [list(weight.shape) for weight in layer.weights]
    return [type(layer).__name__, sorted(config.items()), shapes]


def _is_plain(value) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(one) for one in value)
    return value is None or isinstance(value, (bool, int, float, str))
