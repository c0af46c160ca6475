"""Arrays as training data whose order and augmentation depend on seed, epoch and example alone."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from keras_negact import _checks

Examples = tuple[np.ndarray, np.ndarray]


class Batches(keras.utils.PyDataset):
    """Batches of examples, made when they are asked for, on any backend.

    Args:
        examples: `x`, of which bytes become numbers in [-1, 1], and labels.
        batch_size: examples in a batch; the last one may be smaller.
        order: numbers of the examples, in the order in which they come.
        shifts: for each example how far it is moved along each spatial axis, `(count, axes)`.
        mirrored: for each example whether its last spatial axis is reversed.
        workers: threads that make batches.
    """

    def __init__(self, examples, batch_size, order, shifts=None, mirrored=None, workers=1):
        super().__init__(workers=workers)
        self._x, self._y = examples
        self._batch_size, self._order = batch_size, order
        self._shifts, self._mirrored = shifts, mirrored

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, number: int) -> Examples:
        if not 0 <= number < len(self):
            raise IndexError(f"There are {len(self)} batches. Asked for: {number}")
        chosen = self._order[number * self._batch_size : (number + 1) * self._batch_size]
        x = self._x[chosen] if self._shifts is None else self._moved(chosen)
        if x.dtype == np.uint8:
            x = x.astype("float32") / np.float32(127.5) - np.float32(1)
        return x, self._y[chosen]

    def _moved(self, chosen: np.ndarray) -> np.ndarray:
        sizes = self._x.shape[1:-1]
        index = [chosen.reshape(-1, *[1] * len(sizes))]
        for axis, size in enumerate(sizes):
            places = np.clip(np.arange(size) + self._shifts[chosen, axis, None], 0, size - 1)
            if axis == len(sizes) - 1:
                places = np.where(self._mirrored[chosen, None], places[:, ::-1], places)
            index.append(places.reshape(-1, *[size if a == axis else 1 for a in range(len(sizes))]))
        return self._x[tuple(index)]


def _check_examples(split: str, examples) -> None:
    allowed = "(x, labels), arrays with as many labels as examples, at least one"
    is_pair = isinstance(examples, tuple | list) and len(examples) == 2
    if not is_pair or not all(isinstance(array, np.ndarray) for array in examples):
        raise _checks.refused(split, allowed, examples)
    sizes = [len(array) for array in examples]
    if sizes[0] != sizes[1] or not sizes[0]:
        raise _checks.refused(split, allowed, f"{sizes[0]} examples, {sizes[1]} labels")


@dataclasses.dataclass(frozen=True)
class ArrayDataset:
    """A data set in arrays, as `compare_activations` takes it; see `array_data`.

    Attributes:
        name: its name.
        counts: examples in `"train"`, `"validation"` and `"test"`.
        train_at: from an epoch's number to its batches.
        validation, test: batches in the order of the arrays.
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
    """
    _checks.text("name", name)
    for split, examples in {"train": train, "validation": validation, "test": test}.items():
        _check_examples(split, examples)
    batch_size = _checks.integer("batch_size", batch_size, 1)
    largest_shift = _checks.integer("largest_shift", largest_shift, 0)
    _checks.flag("mirror", mirror)
    workers = _checks.integer("workers", workers, 1)
    count, axes = len(train[0]), train[0].ndim - 2
    augmented = largest_shift > 0 or mirror

    def in_order(examples):
        return Batches(examples, batch_size, np.arange(len(examples[0])), workers=workers)

    def seeded(seed: int) -> ArrayDataset:
        def train_at(epoch: int) -> Batches:
            order = np.random.default_rng([seed, epoch, 0]).permutation(count)
            if not augmented:
                return Batches(train, batch_size, order, workers=workers)
            draws = np.random.default_rng([seed, epoch, 1]).random((count, axes + 1))
            shifts = np.floor(draws[:, :axes] * (2 * largest_shift + 1)).astype(int)
            mirrored = (draws[:, axes] < 0.5) & mirror
            return Batches(train, batch_size, order, shifts - largest_shift, mirrored, workers)

        return ArrayDataset(
            name=name,
            counts={"train": count, "validation": len(validation[0]), "test": len(test[0])},
            train_at=train_at,
            validation=in_order(validation),
            test=in_order(test),
        )

    return seeded
