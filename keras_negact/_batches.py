"""Examples in batches whose order and augmentation depend on seed, epoch and example alone."""

from collections.abc import Callable

import keras
import numpy as np

Examples = tuple[np.ndarray, np.ndarray]


class Batches(keras.utils.PyDataset):
    """Batches of examples, made when they are asked for, on any backend.

    Args:
        examples: `x`, of which bytes become numbers in [-1, 1], and labels.
        batch_size: examples in a batch; the last one may be smaller.
        order: numbers of the examples, in the order in which they come; as they are by default.
        shifts: for each example how far it is moved along each spatial axis, `(count, axes)`.
        mirrored: for each example whether its last spatial axis is reversed.
        workers: threads that make batches.
    """

    def __init__(
        self, examples, batch_size, order=None, shifts=None, mirrored=None, workers: int = 1
    ):
        super().__init__(workers=workers)
        self._x, self._y = examples
        self._batch_size = batch_size
        self._order = np.arange(len(self._x)) if order is None else order
        self._shifts, self._mirrored = shifts, mirrored

    def __len__(self) -> int:
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, number: int) -> Examples:
        if not 0 <= number < len(self):
            raise IndexError(f"There are {len(self)} batches. Received: {number}")
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


def shuffled_batches(
    examples: Examples,
    batch_size: int,
    seed: int,
    largest_shift: int = 0,
    mirror: bool = False,
    workers: int = 1,
) -> Callable[[int], Batches]:
    """From an epoch's number to its batches, shuffled and, if asked for, augmented.

    Args:
        examples: `x` of shape `(count, *spatial, channels)`, and labels.
        batch_size: examples in a batch.
        seed: fixes, with the epoch, the order and what happens to each example.
        largest_shift: how far an example is moved along each spatial axis at most, with its edge
            repeated.
        mirror: whether every second example is mirrored along the last spatial axis.
        workers: threads that make batches.
    """
    count, axes = len(examples[0]), examples[0].ndim - 2

    def of_epoch(epoch: int) -> Batches:
        order = np.random.default_rng([seed, epoch, 0]).permutation(count)
        if not (largest_shift or mirror):
            return Batches(examples, batch_size, order, workers=workers)
        # Row `i` belongs to example `i`, whatever the order is.
        draws = np.random.default_rng([seed, epoch, 1]).random((count, axes + 1))
        shifts = np.floor(draws[:, :axes] * (2 * largest_shift + 1)).astype(int) - largest_shift
        mirrored = (draws[:, axes] < 0.5) & mirror
        return Batches(examples, batch_size, order, shifts, mirrored, workers)

    return of_epoch
