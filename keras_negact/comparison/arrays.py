"""Data sets in arrays, as `compare_activations` takes them."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from keras_negact import _checks
from keras_negact._batches import Batches, Examples, shuffled_batches


def _check_examples(split: str, examples) -> None:
    allowed = "(x, labels), arrays with as many labels as examples, at least one"
    is_pair = isinstance(examples, tuple | list) and len(examples) == 2
    if not is_pair or not all(isinstance(array, np.ndarray) for array in examples):
        raise _checks.refused(split, allowed, examples)
    sizes = [len(array) for array in examples]
    if sizes[0] != sizes[1] or not sizes[0]:
        raise _checks.refused(split, allowed, f"{sizes[0]} examples, {sizes[1]} labels")


class ComparisonData(Protocol):
    """What `compare_activations` asks of a data set; `load_dataset` and `array_data` give such."""

    @property
    def name(self) -> str:
        """Its name, which is recorded."""

    @property
    def train_at(self) -> Callable[[int], Any]:
        """From an epoch's number to its batches, which know how many they are."""

    @property
    def validation(self) -> Iterable:
        """Batches, as `Model.evaluate` takes them, that can be read again and again."""

    @property
    def test(self) -> Iterable:
        """The same."""


MEMBERS = [name for name, held in vars(ComparisonData).items() if isinstance(held, property)]


@dataclasses.dataclass(frozen=True)
class ArrayDataset:
    """A data set in arrays, as `compare_activations` takes it; see `array_data`.

    Attributes:
        name: its name.
        counts: examples in `"train"`, `"validation"` and `"test"`.
        train_at: from an epoch's number to its batches.
        validation: batches in the order of the arrays.
        test: the same.
    """

    name: str
    counts: dict[str, int]
    train_at: Callable[[int], Batches]
    validation: Batches
    test: Batches


def array_data(
    name: str,
    train: Examples,
    validation: Examples,
    test: Examples,
    batch_size: int = 128,
    largest_shift: int = 0,
    mirror: bool = False,
    workers: int = 1,
) -> Callable[[int], ArrayDataset]:
    """Make data for `compare_activations` out of arrays, for any of Keras's backends.

    Args:
        name: of the data set.
        train, validation, test: `(x, labels)`, `x` of shape `(count, *spatial, channels)`, either
            bytes, which become numbers in [-1, 1], or floating point; labels are whole numbers.
        batch_size: examples in a batch.
        largest_shift: how far a training example is moved along each spatial axis at most, with its
            edge repeated.
        mirror: whether every second training example is mirrored along the last spatial axis.
        workers: threads that make batches.

    Returns:
        From a seed to the `ArrayDataset` whose order and augmentation it fixes.

    Raises:
        ValueError: if the numbers of examples and labels differ, or there are none.

    Examples:
        >>> x = np.zeros((6, 8, 8, 1), "float32")
        >>> labels = np.array([0, 1, 2, 0, 1, 2])
        >>> data = array_data("zeros", (x, labels), (x, labels), (x, labels), batch_size=4)
        >>> [len(batch_labels) for _, batch_labels in data(0).train_at(0)]
        [4, 2]
    """
    _checks.text("name", name)
    for split, examples in {"train": train, "validation": validation, "test": test}.items():
        _check_examples(split, examples)
    batch_size = _checks.integer("batch_size", batch_size, 1)
    largest_shift = _checks.integer("largest_shift", largest_shift, 0)
    _checks.flag("mirror", mirror)
    workers = _checks.integer("workers", workers, 1)

    def seeded(seed: int) -> ArrayDataset:
        return ArrayDataset(
            name=name,
            counts={"train": len(train[0]), "validation": len(validation[0]), "test": len(test[0])},
            train_at=shuffled_batches(train, batch_size, seed, largest_shift, mirror, workers),
            validation=Batches(validation, batch_size, workers=workers),
            test=Batches(test, batch_size, workers=workers),
        )

    return seeded
