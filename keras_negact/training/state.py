"""All that a training run needs in order to go on as if it had not been interrupted."""

import random
from typing import Any

import keras
import numpy as np

_BYTES = {"float64": 8, "int64": 8, "float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1, "bool": 1}


def capture_variables(model: keras.Model) -> dict[str, list[np.ndarray]]:
    """The values of all variables: weights, layers' random state, optimizer, metrics."""
    return {
        group: [np.asarray(variable.numpy()) for variable in variables]
        for group, variables in _variables(model).items()
    }


def restore_variables(model: keras.Model, values: dict[str, list[np.ndarray]]) -> None:
    """Assign what `capture_variables` returned.

    Raises:
        ValueError: if it came from another model or optimizer.
    """
    groups = _variables(model)
    for group, variables in groups.items():
        kept = [tuple(value.shape) for value in values[group]]
        wanted = [tuple(variable.shape) for variable in variables]
        if kept != wanted:
            raise ValueError(
                f"The backup was made by another {group}: it holds {len(kept)} variables and the "
                f"{group} has {len(wanted)}" + _first_difference(kept, wanted, variables)
            )
    for group, variables in groups.items():
        for variable, value in zip(variables, values[group], strict=True):
            variable.assign(value)


def size_in_bytes(model: keras.Model) -> int:
    """How many bytes the values of all variables take."""
    return sum(
        int(np.prod(variable.shape)) * _BYTES.get(variable.dtype, 4)
        for variables in _variables(model).values()
        for variable in variables
    )


def capture_random_state() -> dict[str, Any]:
    """The state of the generators of Python and NumPy; the layers' own are among the variables."""
    return {"python": random.getstate(), "numpy": np.random.get_state()}


def restore_random_state(state: dict[str, Any]) -> None:
    """Set the generators to what `capture_random_state` returned."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])


def _variables(model: keras.Model) -> dict[str, list[keras.Variable]]:
    return {
        "model": list(model.variables),
        "optimizer": list(model.optimizer.variables),
        "metrics": list(model.metrics_variables),
    }


def _first_difference(kept: list, wanted: list, variables: list) -> str:
    for old, new, variable in zip(kept, wanted, variables, strict=False):
        if old != new:
            return f"; `{variable.path}` has the shape {new}, the backup's {old}."
    return "."
