"""The optimizers that a model has, and the averages of weights that they keep."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np


def optimizers_of(model: keras.Model) -> dict[str, keras.optimizers.Optimizer]:
    """The optimizer that the model was compiled with, and those that it has besides, by name.

    They may be in lists and dictionaries, and in models that it has.
    """
    found = {"optimizer": model.optimizer} if model.optimizer is not None else {}
    found.update(_optimizers_in(model, {id(model), *map(id, found.values())}))
    return found


def _optimizers_in(
    holder: Any, seen: set[int], prefix: str = "", opens_models: bool = True
) -> Iterator[tuple[str, keras.optimizers.Optimizer]]:
    """The optimizers that a model or a container holds, at any depth, each once."""
    is_model = isinstance(holder, keras.Model)
    as_dict = isinstance(holder, dict)
    held = vars(holder) if is_model else holder if as_dict else dict(enumerate(holder))
    for name, value in list(held.items()):
        path = f"{prefix}{name}"
        # Under private names Keras lists the layers of a model, which need not train themselves.
        opens = opens_models and not (is_model and name.startswith("_"))
        is_optimizer = isinstance(value, keras.optimizers.Optimizer)
        is_open = isinstance(value, (dict, list, tuple)) or (
            opens and isinstance(value, keras.Model)
        )
        if not (is_optimizer or is_open) or id(value) in seen:
            continue
        seen.add(id(value))
        if is_optimizer:
            yield path, value
        else:
            yield from _optimizers_in(value, seen, f"{path}.", opens)


def weights_before_averaging(model: keras.Model) -> list[np.ndarray]:
    """The weights, where the end of `Model.fit` puts an optimizer's averages in their place."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not getattr(optimizer, "use_ema", False):
        return []
    return [keras.ops.convert_to_numpy(one) for one in model.trainable_variables]


def give_back_weights(model: keras.Model, weights: list[np.ndarray]) -> None:
    """Undo the averaging, where there was one."""
    for variable, value in zip(model.trainable_variables, weights, strict=False):
        variable.assign(value)
