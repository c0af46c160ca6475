"""Operations made again through their config."""

import inspect
from collections.abc import Callable

import keras
from keras import layers

from keras_negact.graph.state import copy_vocabularies, is_keras, layers_within


def copy_operation(operation: keras.Operation, **changes) -> keras.Operation:
    """The same operation with fresh weights, made through its config.

    Args:
        changes: constructor arguments to change.

    Raises:
        ValueError: when the operation cannot be made again from its config.
    """
    if not isinstance(operation, keras.Layer):
        return _copy_function(operation, changes)
    try:
        config = {**config_of(operation), **changes}
        if isinstance(operation, layers.Lambda):
            copy = _copy_lambda(operation, config)
        elif any(inspect.isfunction(config.get(name)) for name in ("standardize", "split")):
            # `from_config` takes these two for serialized.
            copy = type(operation)(**config)
        else:
            with keras.saving.custom_object_scope(_unregistered(operation)):
                copy = type(operation).from_config(config)
        copy_vocabularies(operation, copy)
    except Exception as error:
        # The cause is what Keras says last.
        message = " ".join(str(error).split()) or type(error).__name__
        is_own = not is_keras(type(operation).__module__)
        advice = " Give its class a `get_config` that returns all the arguments of its constructor."
        raise ValueError(
            f"`{operation.name}` ({type(operation).__name__}) cannot be copied, because it cannot "
            f"be made again from its config: {message}{advice if is_own else ''}"
        ) from error
    copy.name = changes.get("name", operation.name)
    if not changes or is_keras(type(operation).__module__):
        # An instance may have been told so; of other classes it may depend on what has changed.
        copy.supports_masking = operation.supports_masking
    return copy


def _copy_function(operation: keras.Operation, changes: dict) -> keras.Operation:
    """The same operation of a graph, which has no weights.

    Not through its config: one that was made with arrays or with numbers of NumPy's has none.
    """
    if changes:
        names = inspect.signature(type(operation).__init__).parameters
        arguments = {name: getattr(operation, name) for name in names if hasattr(operation, name)}
        return type(operation)(**{**arguments, **changes})
    copy = object.__new__(type(operation))
    vars(copy).update(vars(operation))
    # Without the calls of the old one.
    keras.Operation.__init__(copy, name=operation.name)
    return copy


def _unregistered(layer: keras.Layer) -> dict[str, type | Callable]:
    """The user's own classes and functions within a layer, by their names.

    Keras finds these by their registration alone, which a network in memory can do without.
    """
    held = [x for each in layers_within(layer) for x in (each, *vars(each).values())]
    own = [x for x in held if inspect.isfunction(x)]
    own += [type(x) for x in held if hasattr(x, "get_config")]
    return {x.__name__: x for x in own if not is_keras(x.__module__)}


# Arguments that take a function of the user's, for which Keras may have no name.
_FUNCTIONS = ("activation", "recurrent_activation", "standardize", "split")


def config_of(operation: keras.Operation) -> dict:
    """The config of an operation, with the functions in it as they are, not serialized."""
    config = dict(operation.get_config())
    if any(isinstance(leaf, keras.Layer) for leaf in keras.tree.flatten(config)):
        # A class of the user's that says what it holds as it is.
        config = keras.tree.map_structure(_copied, config)
    for name in config:
        function = getattr(operation, name, None)
        # An attribute that is no argument is the layer's own business.
        if isinstance(function, keras.Layer) and name in _FUNCTIONS:
            config[name] = copy_operation(function)
        elif (callable(function) and name in _FUNCTIONS) or _is_initializer(name, function):
            config[name] = function
    return config


def _copied(leaf):
    return copy_operation(leaf) if isinstance(leaf, keras.Layer) else leaf


def _is_initializer(name: str, value) -> bool:
    """Whether it is a function in the place of an initializer, a regularizer or a constraint."""
    kind = name.rpartition("_")[2]
    return kind in ("initializer", "regularizer", "constraint") and inspect.isfunction(value)


def _copy_lambda(layer: layers.Lambda, config: dict) -> layers.Lambda:
    # The functions were not loaded from anywhere: they are the caller's own, and here.
    own = {layer.function.__name__: layer.function}
    config.pop("mask", None)
    copy = type(layer).from_config(config, custom_objects=own, safe_mode=False)
    copy.function, copy.mask = layer.function, layer.mask
    return copy
