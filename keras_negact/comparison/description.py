"""What a run is, written down before it is trained."""

import contextlib
import math
import re
import warnings
from typing import Any

import keras

from keras_negact.comparison import costs
from keras_negact.comparison.variants import Variant
from keras_negact.graph.state import layers_within
from keras_negact.surgery.handlers import function_of

SAME_IN_ALL_SEEDS = (
    "model",
    "parameters",
    "optimizer",
    "loss",
    "loss_weights",
    "layers",
    "inner_layers",
    "functions",
)
"""What the runs of one variant must share, as far as an earlier version has recorded it."""


def described(name: str, build, seed: int, data, model: keras.Model) -> dict[str, Any]:
    """What a run is, before it is trained."""
    layers = _own_layers(_layers_in_sight(model))
    inner = [entry for entry in _own_layers(layers_within(model)) if entry not in layers]
    return {
        "activation": _given_activation(build) or _activation_in(model) or name,
        "variant": name,
        "seed": seed,
        "model": model.name,
        "dataset": data.name,
        "parameters": costs.parameters(model),
        "multiply_adds": costs.multiply_adds(model),
        "optimizer": plain(keras.optimizers.serialize(model.optimizer)),
        "loss": plain(keras.tree.map_structure(_loss, model.loss)),
        "loss_weights": _loss_weights(model),
        # So that runs made before a default changed are never taken for runs made after.
        "layers": plain(layers),
        # Apart from the others, for earlier versions did not look into layers.
        "inner_layers": plain(inner),
        "functions": plain(_functions(model)),
    }


def _layers_in_sight(model: keras.Model) -> list[keras.Layer]:
    pending = list(model.layers)
    for layer in pending:
        pending += getattr(layer, "layers", None) or []
    return pending


def _own_layers(layers: list[keras.Layer]) -> list[dict]:
    """The configurations of this package's layers among these, each once, without names."""
    found = []
    for layer in layers:
        if _is_own(layer):
            config = keras.saving.serialize_keras_object(layer)["config"]
            config = {key: value for key, value in config.items() if key != "name"}
            entry = {"class": type(layer).__name__, **config}
            if entry not in found:
                found.append(entry)
    return found


def _is_own(layer: keras.Layer) -> bool:
    return keras.saving.get_registered_name(type(layer)).startswith("keras_negact")


def _functions(model: keras.Model) -> list:
    """The activations of the other layers, each once: activation layers, and functions by name."""
    found = []
    for layer in layers_within(model):
        function = getattr(layer, "activation", None)
        if _is_own(layer):
            continue
        if function_of(layer) is not None:
            config = {k: v for k, v in layer.get_config().items() if k not in _OF_NO_FUNCTION}
            entry = {"class": type(layer).__name__, **config}
        elif function not in (None, keras.activations.linear):
            entry = _name(function)
        else:
            continue
        if entry not in found:
            found.append(entry)
    return found


_OF_NO_FUNCTION = ("name", "dtype", "trainable")


def _given_activation(build) -> str | None:
    return build.activation if isinstance(build, Variant) else None


def _activation_in(model: keras.Model) -> str | None:
    """The function of the model's activation layers, where all have the same."""
    functions = (function_of(layer) for layer in model.layers)
    names = {function.name for function in functions if function is not None}
    return names.pop() if len(names) == 1 else None


def _loss(loss) -> Any:
    """A loss as JSON holds it: a function by its name, for its code has no other."""
    if isinstance(loss, keras.Loss):
        return {"class": _name(loss), **loss.get_config()}
    return loss if loss is None or isinstance(loss, str) else _name(loss)


def _loss_weights(model: keras.Model) -> Any:
    # A loss or metric that cannot be serialized is no reason not to train with it.
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")
        return plain(model.get_compile_config()["loss_weights"])
    return None


def _name(function) -> str:
    return getattr(function, "__name__", type(function).__name__)


def plain(value: Any) -> Any:
    """As it will be when it has been to JSON and back."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        # An address in memory is another one in the next process.
        return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    # JSON has no name for what is not finite.
    return number if math.isfinite(number) else repr(number)
