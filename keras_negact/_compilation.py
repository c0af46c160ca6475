"""What a model was compiled with, made again for another one."""

import contextlib
import inspect
from typing import Any

import keras


def compile_like(source: keras.Model, target: keras.Model) -> None:
    """Compile a model as another one is, with an optimizer, losses and metrics of its own.

    Raises:
        Exception: whatever Keras raises for what cannot be made again.
    """
    with _functions_found(source):
        target.compile_from_config(source.get_compile_config())


def compile_arguments(source: keras.Model) -> dict[str, Any]:
    """The arguments of `compile`, made again: losses, metrics and optimizers have a state."""
    with _functions_found(source):
        return keras.saving.deserialize_keras_object(source.get_compile_config())


def _functions_found(source: keras.Model) -> contextlib.AbstractContextManager:
    """Let Keras find the functions among the losses, which it else does if they are registered."""
    functions = [one for one in keras.tree.flatten(source.loss) if inspect.isfunction(one)]
    of_name = {one.__name__: one for one in functions}
    # Two of one name cannot be told apart in a config.
    others = [one for one in functions if one is not of_name[one.__name__]]
    for one in others:
        of_name.pop(one.__name__, None)
    return keras.saving.custom_object_scope(of_name)
