"""How the network of a trial is compiled: by the user's arguments, with sampled rates."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_negact import _checks
from keras_negact.layers import weights_without_decay

Compile = Mapping[str, Any] | Callable[[keras.Model, Any, Any], None] | None


def compiler(compile: Compile, base: keras.Model) -> Callable[[keras.Model, Any, Any], None]:
    """Make a function `(model, learning_rate, weight_decay)` that compiles a trial's network.

    Raises:
        ValueError: when nothing says how to compile.
    """
    if callable(compile):
        return _checks.function("compile", compile, arguments=3)
    if compile is None:
        if not base.compiled:
            raise ValueError(
                "The base network is not compiled. Compile it, or give `compile`, such as "
                "compile={'loss': 'sparse_categorical_crossentropy', 'metrics': ['accuracy']}."
            )
        config = base.get_compile_config()
        # Made again at each call, since losses, metrics and optimizers have a state.
        return lambda *given: _compile(keras.saving.deserialize_keras_object(config), *given)
    if not isinstance(compile, Mapping):
        raise ValueError(
            "`compile` must be None, a dictionary of arguments of `Model.compile`, or a function "
            f"(model, learning_rate, weight_decay). Received: {compile!r}"
        )
    return lambda *given: _compile(keras.tree.map_structure(_fresh, dict(compile)), *given)


def _compile(arguments: dict, model: keras.Model, learning_rate: Any, weight_decay: Any) -> None:
    optimizer = keras.optimizers.get(arguments.pop("optimizer", None) or "adamw")
    config = optimizer.get_config()
    config.update(learning_rate=learning_rate, weight_decay=weight_decay)
    optimizer = type(optimizer).from_config(config)
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_list=weights_without_decay(model))
    model.compile(optimizer=optimizer, **arguments)


def _fresh(value: Any) -> Any:
    if isinstance(value, (keras.Metric, keras.Loss, keras.Optimizer)):
        return type(value).from_config(value.get_config())
    return value
