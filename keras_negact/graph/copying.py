"""Operations made again through their config."""

import keras
from keras import layers


def copy_operation(operation: keras.Operation, **changes) -> keras.Operation:
    """The same operation with fresh weights, made through its config.

    Args:
        changes: constructor arguments to change.

    Raises:
        ValueError: when the operation cannot be made again from its config.
    """
    try:
        config = {**operation.get_config(), **changes}
        for name in _FUNCTIONS:
            _keep_function(operation, config, name, changes)
        if isinstance(operation, layers.Lambda):
            copy = _copy_lambda(operation, config)
        else:
            copy = type(operation).from_config(config)
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


def _keep_function(operation, config: dict, name: str, changes: dict) -> None:
    """A function that was given goes on as it is; an attribute that is no argument is left."""
    function = getattr(operation, name, None)
    is_function = callable(function) and not isinstance(function, keras.Layer)
    if name in config and name not in changes and is_function:
        config[name] = function


def _copy_lambda(layer: layers.Lambda, config: dict) -> layers.Lambda:
    # The function was not loaded from anywhere: it is the caller's own, and here.
    own = {layer.function.__name__: layer.function}
    copy = type(layer).from_config(config, custom_objects=own, safe_mode=False)
    copy.function = layer.function
    return copy
