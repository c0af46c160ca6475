"""What of the data needs TensorFlow: gathered from arrays, and cut for the replicas."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_negact.training.arrays import class_weights, require_classes


def gathered(
    arrays: Any, order: Callable[[], np.ndarray], batch_size: int, skip: int, steps: int
) -> tf.data.Dataset:
    """Batches of arrays, in an order that is asked for when a pass begins.

    Args:
        arrays: structure of arrays with as many examples each.
        order: gives the numbers of the examples.
        batch_size: examples in a batch.
        skip: batches to leave out in front.
        steps: batches without that.
    """
    # On the host: the batches are made there, and a GPU's memory is for the network.
    with tf.device("CPU:0"):
        tensors = keras.tree.map_structure(
            lambda one: None if one is None else tf.convert_to_tensor(one),
            keras.tree.lists_to_tuples(arrays),
        )
    passes = tf.data.Dataset.range(1).map(
        lambda _: tf.ensure_shape(tf.numpy_function(order, [], tf.int64), [None])
    )
    chosen = passes.flat_map(
        lambda numbers: tf.data.Dataset.range(skip, steps).map(
            lambda step: numbers[step * batch_size : (step + 1) * batch_size]
        )
    )

    def take(numbers: tf.Tensor) -> Any:
        return keras.tree.map_structure(
            lambda tensor: None if tensor is None else tf.gather(tensor, numbers), tensors
        )

    batches = chosen.map(take, num_parallel_calls=tf.data.AUTOTUNE)
    batches = batches.apply(tf.data.experimental.assert_cardinality(steps - skip))
    return batches.prefetch(tf.data.AUTOTUNE)


def ones_like(spec: Any) -> Any:
    """A batch of one example of that specification, or `None` if its shape isn't known."""
    known = all(
        isinstance(leaf, tf.TensorSpec)
        and leaf.shape.rank
        and leaf.shape[1:].is_fully_defined()
        and leaf.dtype.is_numeric
        for leaf in tf.nest.flatten(spec)
    )
    if not known:
        return None
    return tf.nest.map_structure(
        lambda leaf: np.ones([1, *leaf.shape[1:]], leaf.dtype.as_numpy_dtype), spec
    )


def class_weighting(class_weight: dict[int, float]) -> Callable:
    """What gives every example of a batch `(x, y)` the weight of its class.

    Returns:
        A function for `tf.data.Dataset.map`.

    Raises:
        ValueError: by that function, where Keras does not take class weights either.
    """

    def weigh(*batch):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        if sample_weight is not None:
            raise ValueError("Give `class_weight` or sample weights in the dataset, not both.")
        require_classes(y)
        weights = tf.numpy_function(
            lambda labels: class_weights(labels, class_weight), [y], keras.config.floatx()
        )
        return x, y, tf.ensure_shape(weights, [None])

    return weigh


class Shard(NamedTuple):
    """The part of a global batch that one replica works on.

    Args:
        data: `x`, `(x, y)` or `(x, y, sample_weight)` with the examples of this replica.
        share: the fraction of the global mean that these examples make.
        counted: whether they go into the metrics.
    """

    data: Any
    share: tf.Tensor
    counted: tf.Tensor


def shard(
    dataset: tf.data.Dataset, replicas: int, mine: range, in_examples: bool = False
) -> tf.data.Dataset:
    """Cut every batch of `dataset` into consecutive parts whose sizes differ by one at most.

    A batch with fewer examples than there are replicas is worked on by all of them, with an equal
    share each, and counted once: an empty replica would have no batch statistics.

    Args:
        dataset: global batches, of any size.
        replicas: number of replicas in all processes.
        mine: the replicas of this process.
        in_examples: whether shares are told as numbers of examples, not as fractions.

    Returns:
        A dataset of one tuple of `Shard`s for each batch.
    """

    def cut(*elements: Any) -> tuple[Shard, ...]:
        data = elements if len(elements) > 1 else elements[0]
        size = tf.shape(_first(data))[0]
        too_small = size < replicas

        def part(replica: int) -> Shard:
            start = tf.where(too_small, 0, replica * size // replicas)
            end = tf.where(too_small, size, (replica + 1) * size // replicas)
            share = tf.cast(end - start, "float32") / tf.cast(size, "float32")
            share = tf.where(too_small, 1.0 / replicas, share)
            return Shard(
                keras.tree.map_structure(
                    lambda tensor: None if tensor is None else tensor[start:end], data
                ),
                share * tf.cast(size, "float32") if in_examples else share,
                tf.logical_or(tf.logical_not(too_small), replica == 0),
            )

        return tuple(part(replica) for replica in mine)

    return dataset.map(cut, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def idle(data: Any) -> Shard:
    """A part that counts for nothing, for a worker that has no more batches of its own."""
    return Shard(data, tf.constant(0.0), tf.constant(False))


class GlobalBatches:
    """A pass over global batches, the same on every worker.

    Args:
        shards: for each batch, the parts of this process.
    """

    def __init__(self, shards: tf.data.Dataset):
        # The batch that comes next is read ahead, inside of the step before, as no step is to wait.
        self._following = iter(shards)
        self._coming = self._following.get_next_as_optional()

    @property
    def has_another(self) -> bool:
        """Whether there is a batch to make a step with."""
        return bool(self._coming.has_value())

    def step(self, replicas: Any, work: Callable, at_most: int) -> tuple[dict[str, Any], int]:
        """Take `at_most` steps, or as many as there are batches: their metrics and their number."""
        logs, taken, self._coming = replicas.step(work, self._coming, self._following, at_most)
        return logs, taken


class OwnBatches:
    """A pass over batches of this worker's own, until all workers have run out of theirs.

    Args:
        shards: for each batch, the parts of this process.
        replicas: the replicas of all workers.
        idle_parts: what is worked on once there are no batches, and counts for nothing.
    """

    def __init__(self, shards: tf.data.Dataset, replicas: Any, idle_parts: tuple[Shard, ...]):
        self.idle_parts = idle_parts
        self._shards = iter(shards)
        self._coming = next(self._shards, None)
        #: Whether any worker has a batch to make a step with.
        self.has_another = replicas.agree(self._coming is not None)

    def step(self, replicas: Any, work: Callable, at_most: int) -> tuple[dict[str, Any], int]:
        """Take one step, for `at_most` is 1 here: its metrics and the number 1."""
        parts, self._coming = self._coming, next(self._shards, None)
        if parts is None:
            parts = self.idle_parts
        else:
            self.idle_parts = tuple(idle(part.data) for part in parts)
        logs, taken, _ = replicas.step(work, parts, more=self._coming is not None)
        self.has_another = replicas.more
        return logs, taken


def _first(data: Any) -> tf.Tensor:
    return next(leaf for leaf in keras.tree.flatten(data) if leaf is not None)
