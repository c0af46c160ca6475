"""What of the training data needs TensorFlow."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf


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
