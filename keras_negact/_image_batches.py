"""Batches of images through `tf.data`: float32 in [-1, 1], and int32 labels."""

import numpy as np
import tensorflow as tf


def epochs(examples, batch_size, seed, augmentation):
    """A function of the epoch: its batches, shuffled, and moved where there is an augmentation."""
    batch_of = _batch_reader(examples)
    count = len(examples[0])

    def train_at(epoch):
        order = np.random.default_rng([seed, epoch, 0]).permutation(count)
        if augmentation is None:
            plan = tf.data.Dataset.from_tensor_slices(order)
            return _batched(plan, batch_size, batch_of)
        rows, columns, mirrored = _draws(count, seed, epoch, augmentation)
        plan = tf.data.Dataset.from_tensor_slices(
            (order, rows[order], columns[order], mirrored[order])
        )

        def augmented_batch_of(index, rows, columns, mirrored):
            images, labels = batch_of(index)
            return _moved(images, rows, columns, mirrored), labels

        return _batched(plan, batch_size, augmented_batch_of)

    return train_at


def _draws(count, seed, epoch, augmentation):
    """Row `i` belongs to example `i`, whatever the count and the order are."""
    draws = np.random.default_rng([seed, epoch, 1]).random((count, 3))
    reach = augmentation.largest_shift
    shifts = np.floor(draws[:, :2] * (2 * reach + 1)).astype("int32") - reach
    mirrored = (draws[:, 2] < 0.5) & augmentation.mirror
    return shifts[:, 0], shifts[:, 1], mirrored


def _moved(images, rows, columns, mirrored):
    height, width = images.shape[1:3]
    row_index = tf.clip_by_value(tf.range(height) + rows[:, tf.newaxis], 0, height - 1)
    column_index = tf.clip_by_value(tf.range(width) + columns[:, tf.newaxis], 0, width - 1)
    column_index = tf.where(
        mirrored[:, tf.newaxis], tf.reverse(column_index, axis=[1]), column_index
    )
    images = tf.gather(images, row_index, axis=1, batch_dims=1)
    return tf.gather(images, column_index, axis=2, batch_dims=1)


def in_order(examples, batch_size):
    """The examples as they come, batched."""
    return _batched(tf.data.Dataset.range(len(examples[0])), batch_size, _batch_reader(examples))


def _batched(plan, batch_size, batch_of):
    batches = plan.batch(batch_size).map(batch_of, num_parallel_calls=tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE)


def _batch_reader(examples):
    # tf.data runs on the host: an array on a GPU would have to come back for it.
    with tf.device("CPU:0"):
        images = tf.constant(examples[0], dtype="uint8")
        labels = tf.constant(examples[1], dtype="int32")

    def batch_of(index):
        pixels = tf.cast(tf.gather(images, index), "float32")
        return pixels / 127.5 - 1.0, tf.gather(labels, index)

    return batch_of
