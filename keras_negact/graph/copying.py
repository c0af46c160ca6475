"""Operations made again through their config."""

import inspect

import keras
from keras import layers

from keras_negact.graph.state import copy_vocabularies


def copy_operation(operation: keras.Operation, **changes) -> keras.Operation:
    """The same operation with fresh weights, made through its config.

    Args:
        changes: constructor arguments to change.

    Raises:
        ValueError: when the operation cannot be made again from its config.
    """
    try:
        config = {**config_of(operation), **changes}
        if isinstance(operation, layers.Lambda):
            copy = _copy_lambda(operation, config)
        elif any(inspect.isfunction(config.get(name)) for name in ("standardize", "split")):
            # `from_config` takes these two for serialized.
            copy = type(operation)(**config)
        else:
            copy = type(operation).from_config(config)
        if isinstance(operation, keras.Layer):
            copy_vocabularies(operation, copy)
    except Exception as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"`{operation.name}` ({type(operation).__name__}) cannot be copied, because it cannot "
            f"be made again from its config: {message} Give its class a "
            "`get_config` that returns all the arguments of its constructor."
        ) from error
    # Some operations do not take a name.
    copy.name = changes.get("name", operation.name)
    return copy


# Arguments that take a function of the user's, for which Keras may have no name.
_FUNCTIONS = ("activation", "recurrent_activation", "standardize", "split")


def config_of(operation: keras.Operation) -> dict:
    """The config of an operation, with the functions in it as they are, not serialized."""
    config = dict(operation.get_config())
    for name in _FUNCTIONS:
        function = getattr(operation, name, None)
        is_function = callable(function) and not isinstance(function, keras.Layer)
        # An attribute that is no argument is the layer's own business.
        if name in config and is_function:
            config[name] = function
        elif name in config and isinstance(function, keras.Layer):
            config[name] = copy_operation(function)
    return config


def _copy_lambda(layer: layers.Lambda, config: dict) -> layers.Lambda:
    # The function was not loaded from anywhere: it is the caller's own, and here.
    own = {layer.function.__name__: layer.function}
    copy = type(layer).from_config(config, custom_objects=own, safe_mode=False)
    copy.function = layer.function
    return copy
