"""What one replica does in a step."""

import contextlib
from typing import Any

import keras
import tensorflow as tf

from keras_negact.training.sharding import Shard
from keras_negact.training.summed_gradients import already_summed


class ReplicaStep:
    """Training and evaluation on one part of a global batch.

    The loss that is minimized is the mean over the global batch, however unevenly it is cut: each
    replica's mean is weighted by its share of the examples.

    Args:
        model: a compiled and built model. A `train_step` or `test_step` of its own is used, and
            then does its own weighting.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        self._own_train_step = type(model).train_step is not keras.Model.train_step
        self._own_test_step = type(model).test_step is not keras.Model.test_step

    def summing(self) -> contextlib.AbstractContextManager:
        """To be entered around all training steps, outside of the replicas: they are threads."""
        if self._own_train_step:
            return contextlib.nullcontext()
        return already_summed(self._model.optimizer)

    def train(self, shard: Shard) -> None:
        """Update the variables by the gradients of all replicas."""
        with _uncounted_unless(shard.counted, self._model.metrics_variables):
            if self._own_train_step:
                self._model.train_step(shard.data)
            else:
                self._train(shard)

    def test(self, shard: Shard) -> None:
        """Update the metrics."""
        with _uncounted_unless(shard.counted, self._model.metrics_variables):
            if self._own_test_step:
                self._model.test_step(shard.data)
            else:
                self._track(shard, *self._loss(shard, training=False))

    def _train(self, shard: Shard) -> None:
        model, optimizer = self._model, self._model.optimizer
        with tf.GradientTape() as tape:
            y_pred, loss = self._loss(shard, training=True)
            minimized = optimizer.scale_loss(loss * tf.cast(shard.share, loss.dtype))
        variables = model.trainable_variables
        gradients = tape.gradient(minimized, variables)
        known = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
        summed = tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, [gradient for gradient, _ in known]
        )
        optimizer.apply(summed, [variable for _, variable in known])
        self._track(shard, y_pred, loss)

    def _loss(self, shard: Shard, training: bool) -> tuple[Any, tf.Tensor]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(shard.data)
        y_pred = self._model(x, training=training)
        loss = self._model.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training
        )
        # Keras divides by the number of replicas, for replicas of the same size.
        return y_pred, loss * tf.distribute.get_strategy().num_replicas_in_sync

    def _track(self, shard: Shard, y_pred: Any, loss: tf.Tensor) -> None:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(shard.data)
        for metric in self._model.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=tf.shape(keras.tree.flatten(x)[0])[0])
        self._model.compute_metrics(x, y, y_pred, sample_weight)


class _uncounted_unless:
    """Take back what happened to the metrics unless `counted`."""

    def __init__(self, counted: tf.Tensor, variables: list[keras.Variable]):
        self._counted = counted
        self._before = [(variable, tf.identity(variable.value)) for variable in variables]

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            for variable, before in self._before:
                variable.assign(tf.where(self._counted, variable.value, before))
