"""A global batch, cut into one part for every replica."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf


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


def shard(dataset: tf.data.Dataset, replicas: int, mine: range) -> tf.data.Dataset:
    """Cut every batch of `dataset` into consecutive parts whose sizes differ by one at most.

    A batch with fewer examples than there are replicas is worked on by all of them, with an equal
    share each, and counted once: an empty replica would have no batch statistics.

    Args:
        dataset: global batches, of any size.
        replicas: number of replicas in all processes.
        mine: the replicas of this process.

    Returns:
        A dataset of one tuple of `Shard`s for each batch.
    """

    def cut(*elements: Any) -> tuple[Shard, ...]:
        data = elements if len(elements) > 1 else elements[0]
        size = tf.shape(keras.tree.flatten(data)[0])[0]
        too_small = size < replicas

        def part(replica: int) -> Shard:
            start = tf.where(too_small, 0, replica * size // replicas)
            end = tf.where(too_small, size, (replica + 1) * size // replicas)
            fraction = tf.cast(end - start, "float32") / tf.cast(size, "float32")
            return Shard(
                keras.tree.map_structure(lambda tensor: tensor[start:end], data),
                tf.where(too_small, 1.0 / replicas, fraction),
                tf.logical_or(tf.logical_not(too_small), replica == 0),
            )

        return tuple(part(replica) for replica in mine)

    return dataset.map(cut, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
