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


def class_weighting(class_weight: dict[int, float]) -> Callable:
    """What gives every example of a batch `(x, y)` the weight of its class.

    Returns:
        A function for `tf.data.Dataset.map`.

    Raises:
        ValueError: by that function, where Keras does not take class weights either.
    """
    table = np.ones(max(class_weight) + 1, "float32")
    table[list(class_weight)] = list(class_weight.values())

    def weigh(*batch):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        if sample_weight is not None:
            raise ValueError("Give `class_weight` or sample weights in the dataset, not both.")
        if y is None or keras.tree.is_nested(y):
            raise ValueError("`class_weight` needs one output with targets that are classes.")
        if y.shape.rank is not None and y.shape.rank > 1:
            if y.shape.rank > 2:
                raise ValueError(
                    "`class_weight` needs one class for each example; these targets have the "
                    f"shape {y.shape}. Give sample weights in the dataset instead."
                )
            y_classes = tf.argmax(y, -1) if y.shape[-1] != 1 else tf.round(y[:, 0])
        else:
            y_classes = y if y.dtype.is_integer else tf.round(y)
        labels = tf.cast(y_classes, "int64")
        known = tf.logical_and(labels >= 0, labels < len(table))
        weights = tf.gather(table, tf.where(known, labels, 0))
        return x, y, tf.where(known, weights, 1.0)

    return weigh
