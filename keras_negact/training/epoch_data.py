"""The training data as a `tf.data.Dataset` of global batches for every epoch."""

import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class EpochData:
    """Global batches by epoch.

    With arrays and with a function of the epoch, the batches are the same whenever and wherever
    they are asked for. Arrays are permuted by a function of (`seed`, epoch). A dataset is taken as
    it is.

    Args:
        x, y, sample_weight, batch_size, shuffle, class_weight, steps_per_epoch: as for `Model.fit`;
            `x` may also be a function `epoch -> tf.data.Dataset`.

    Raises:
        ValueError: if the arguments contradict each other.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        batch_size: int | None = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        steps_per_epoch: int | None = None,
    ):
        # From Python's generator, which `keras.utils.set_random_seed` seeds. A run that goes on
        # from a backup takes over the seed of the run before.
        self.seed = random.randrange(2**31)
        self.steps_per_epoch = steps_per_epoch
        self._class_weight = class_weight
        in_arrays = _are_arrays(x)
        if not in_arrays and (y is not None or sample_weight is not None):
            raise ValueError("Targets and sample weights are part of the dataset: give `x` alone.")
        if class_weight is not None and sample_weight is not None:
            raise ValueError("Give `class_weight` or `sample_weight`, not both.")
        #: The same object serves every epoch.
        self.constant = not in_arrays and not _is_function_of_the_epoch(x)
        #: Batches can be counted and skipped.
        self.in_datasets = not self.constant or isinstance(x, tf.data.Dataset)
        self._of_epoch = x if _is_function_of_the_epoch(x) else lambda epoch: x
        if in_arrays:
            self._of_epoch = self._permuted(
                _tuple_of_given(x, y, sample_weight), batch_size or 32, shuffle
            )

    def batches(self, epoch: int, first_step: int = 0) -> Any:
        """The batches of one epoch from `first_step` on."""
        data = self._of_epoch(epoch)
        if not self.in_datasets:
            return data
        if self._class_weight is not None:
            data = data.map(_class_weighting(self._class_weight))
        if self.steps_per_epoch is None:
            return data.skip(first_step)
        before = epoch * self.steps_per_epoch if self.constant else 0
        return data.skip(before + first_step).take(self.steps_per_epoch - first_step)

    def stream(self, epoch: int) -> Any:
        """The batches from the beginning of `epoch` to the end of the last one.

        Only for `constant` data with a number of steps: there an epoch begins where the one before
        it ended.
        """
        data = self._of_epoch(epoch)
        if not self.in_datasets:
            return data
        if self._class_weight is not None:
            data = data.map(_class_weighting(self._class_weight))
        return data.skip(epoch * (self.steps_per_epoch or 0))

    def steps(self, epoch: int) -> int | None:
        """How many batches an epoch has, where that can be told without reading them."""
        if self.steps_per_epoch is not None:
            return self.steps_per_epoch
        if not self.in_datasets:
            return None
        count = int(self._of_epoch(epoch).cardinality())
        return count if count >= 0 else None

    def _permuted(
        self, arrays: tuple, batch_size: int, shuffle: bool
    ) -> Callable[[int], tf.data.Dataset]:
        # On the host: the batches are made there, and a GPU's memory is for the network.
        with tf.device("CPU:0"):
            arrays = keras.tree.map_structure(tf.convert_to_tensor, arrays)
        sizes = {int(array.shape[0]) for array in keras.tree.flatten(arrays)}
        if len(sizes) != 1:
            raise ValueError(
                f"All arrays must hold the same number of examples. Received: {sorted(sizes)}"
            )
        size = sizes.pop()

        def of_epoch(epoch: int) -> tf.data.Dataset:
            order = np.arange(size)
            if shuffle:
                order = np.random.default_rng((self.seed, epoch)).permutation(size)
            return (
                tf.data.Dataset.from_tensor_slices(order)
                .batch(batch_size)
                .map(
                    lambda chosen: keras.tree.map_structure(
                        lambda array: tf.gather(array, chosen), arrays
                    ),
                    num_parallel_calls=tf.data.AUTOTUNE,
                )
                .prefetch(tf.data.AUTOTUNE)
            )

        return of_epoch


def split_validation(arrays: tuple[Any, Any, Any], fraction: float) -> tuple[tuple, tuple]:
    """Cut the last `fraction` of the examples off as validation data, as `Model.fit` does.

    Raises:
        ValueError: if the data aren't arrays, or one part would be empty.
    """
    if not _are_arrays(arrays[0]):
        raise ValueError("`validation_split` needs arrays; give datasets as `validation_data`.")
    size = len(keras.tree.flatten(arrays[0])[0])
    cut = int(size * (1 - fraction))
    if not 0 < cut < size:
        raise ValueError(
            f"`validation_split={fraction}` leaves nothing to train or to validate on: "
            f"{size} examples."
        )

    def part(chosen: slice) -> tuple:
        return tuple(
            None if array is None else keras.tree.map_structure(lambda a: a[chosen], array)
            for array in arrays
        )

    return part(slice(cut)), part(slice(cut, None))


def _are_arrays(x: Any) -> bool:
    leaves = keras.tree.flatten(x)
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def _is_function_of_the_epoch(x: Any) -> bool:
    return callable(x) and not isinstance(x, (tf.data.Dataset, keras.utils.PyDataset))


def _tuple_of_given(x: Any, y: Any, sample_weight: Any) -> tuple:
    if sample_weight is not None:
        return x, y, sample_weight
    return (x,) if y is None else (x, y)


def _class_weighting(class_weight: dict[int, float]) -> Callable:
    table = np.ones(max(class_weight) + 1, "float32")
    table[list(class_weight)] = list(class_weight.values())

    def weigh(x, y):
        labels = tf.argmax(y, axis=-1) if y.shape.rank > 1 and y.shape[-1] != 1 else y
        labels = tf.reshape(tf.cast(labels, "int64"), [-1])
        known = labels < len(table)
        weights = tf.gather(table, tf.where(known, labels, 0))
        return x, y, tf.where(known, weights, 1.0)

    return weigh
