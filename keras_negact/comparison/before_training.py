"""What is looked at before any training: the data, and that every model goes with it."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from keras_negact import _checks
from keras_negact.comparison.accuracy import check_targets, check_threshold
from keras_negact.comparison.arrays import MEMBERS
from keras_negact.comparison.training_run import Recipe, steps_an_epoch

_NAMES = {"train_at(0)": "training"}
_LONGEST = 500  # Signs of another error that an error shows.


def check_data(data: Any, evaluate_on: str) -> None:
    """Refuse data whose splits are not batches that can be read again and again."""
    missing = [member for member in MEMBERS if not hasattr(data, member)]
    if missing:
        allowed = "what `load_dataset` or `array_data` return, or a function from a seed to that"
        raise _checks.refused("data", f"{allowed} (missing: {', '.join(missing)})", data)
    _checks.text("data.name", data.name)
    _checks.function("data.train_at", data.train_at, arguments=1)
    if not steps_an_epoch(data):
        raise _checks.refused("data", "one whose epochs have batches", data.name)
    for split, batches in _splits(data, evaluate_on).items():
        if not _are_batches(batches):
            allowed = (
                "batches that can be read more than once and that `Model.fit` takes, such as a "
                "`keras.utils.PyDataset`, and no iterator, array or list"
            )
            raise _checks.refused(f"data.{split}", allowed, batches)


def _splits(data, evaluate_on: str) -> dict[str, Any]:
    splits = {"validation": data.validation, "train_at(0)": data.train_at(0)}
    # Else they are not even looked at.
    return splits | ({"test": data.test} if evaluate_on == "test" else {})


def _are_batches(given) -> bool:
    as_arrays = isinstance(given, list | tuple | dict) or hasattr(given, "shape")
    return isinstance(given, Iterable) and not isinstance(given, Iterator) and not as_arrays


def first_batches(data, recipe: Recipe) -> dict[str, Any]:
    """The first batch of every split, as a data set of its own where that can be made."""
    splits = _splits(data, recipe.evaluate_on)
    return {split: _first_batch(split, batches) for split, batches in splits.items()}


class _OneBatch(keras.utils.PyDataset):
    def __init__(self, batch):
        super().__init__()
        self._batch = batch

    def __len__(self):
        return 1

    def __getitem__(self, number):
        return self._batch


def _first_batch(split: str, batches) -> Any:
    if hasattr(batches, "from_tensors"):
        # One of `tf.data`, whose pipeline is started once and not for every variant.
        return batches.from_tensors(next(iter(batches)))
    if not isinstance(batches, keras.utils.PyDataset):
        return batches
    if not hasattr(batches, "__len__") or not len(batches):
        raise _checks.refused("data", f"one with {split} examples", batches)
    return _OneBatch(keras.tree.map_structure(_as_array, batches[0]))


def _as_array(leaf) -> Any:
    is_tensor = hasattr(leaf, "shape") and not isinstance(leaf, np.ndarray)
    return keras.ops.convert_to_numpy(leaf) if is_tensor else leaf


def check_trains(
    variant: str, model: keras.Model, firsts: dict[str, Any], data, recipe: Recipe
) -> None:
    """Evaluate a batch of every split, so that what does not fit is found now, not after hours.

    The model is not to be used for anything else afterwards.
    """
    # Tracing takes longer than one batch, and hides what an error is about.
    model.run_eagerly = True
    for split, batches in firsts.items():
        where = f"the first {_NAMES.get(split, split)} batch of {data.name}"
        try:
            scores = model.evaluate(batches, steps=1, verbose=0, return_dict=True)
        except Exception as error:
            raise ValueError(
                f"{variant!r} cannot be evaluated on {where}: {in_words(error)}"
            ) from error
        if recipe.metric not in scores:
            raise _checks.refused("metric", f"one of {', '.join(scores)}", recipe.metric)
        if np.ndim(scores[recipe.metric]):
            several = f"one number, as {recipe.metric!r} of {variant!r} is not"
            raise _checks.refused("metric", several, recipe.metric)
        check_threshold(model, recipe.metric)
        targets = keras.utils.unpack_x_y_sample_weight(tuple(next(iter(batches))))[1]
        check_targets(model, recipe.metric, targets, f"targets of {where}")


def in_words(error: Exception) -> str:
    """What an error says, on one line: some begin with nothing but where they come from."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:_LONGEST]}{'...' if len(text) > _LONGEST else ''}"
