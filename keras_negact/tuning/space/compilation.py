"""How the network of a trial is compiled: by the user's arguments, with sampled rates."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_negact import _checks
from keras_negact._compilation import compile_arguments
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
        return _compiled_by(lambda: compile_arguments(base))
    if not isinstance(compile, Mapping):
        raise ValueError(
            "`compile` must be None, a dictionary of arguments of `Model.compile`, or a function "
            f"(model, learning_rate, weight_decay). Received: {compile!r}"
        )
    return _compiled_by(lambda: keras.tree.map_structure(_fresh, dict(compile)))


def _compiled_by(arguments: Callable[[], dict[str, Any]]) -> Callable:
    """Compiles with arguments that are made again at each call: losses and metrics have a state."""
    try:
        _with_rates(arguments().get("optimizer"), 1e-3, 0.0)
    except Exception as error:
        # What cannot be made again, or given rates, may say so in any way.
        raise ValueError(
            "What the network is compiled with cannot be made again for each trial: "
            f"{' '.join(str(error).split())[:300]} Give `compile` as a function "
            "(model, learning_rate, weight_decay)."
        ) from error
    return lambda *given: _compile(arguments(), *given)


def _with_rates(given: Any, learning_rate: Any, weight_decay: Any) -> keras.Optimizer:
    optimizer = keras.optimizers.get(given or "adamw")
    config = optimizer.get_config()
    config.update(learning_rate=learning_rate, weight_decay=weight_decay)
    return type(optimizer).from_config(config)


def _compile(arguments: dict, model: keras.Model, learning_rate: Any, weight_decay: Any) -> None:
    optimizer = _with_rates(arguments.pop("optimizer", None), learning_rate, weight_decay)
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_list=weights_without_decay(model))
    model.compile(optimizer=optimizer, **arguments)


def _fresh(value: Any) -> Any:
    if isinstance(value, (keras.Metric, keras.Loss, keras.Optimizer)):
        return type(value).from_config(value.get_config())
    return value
