"""What one replica does in a step."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_negact.training.state import called, has_own_step, loss_of
from keras_negact.training.tf_data import Shard


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
        self._own_train_step = has_own_step(model)
        self._own_test_step = type(model).test_step is not keras.Model.test_step
        self._losses = [
            metric
            for metric in model.metrics
            if type(metric) is keras.metrics.Mean and metric.name.endswith("_loss")
        ]
        of_losses = {id(variable) for metric in self._losses for variable in metric.variables}
        self._of_examples = [one for one in model.metrics_variables if id(one) not in of_losses]

    def summing(self) -> contextlib.AbstractContextManager:
        """To be entered around all training steps, outside of the replicas: they are threads."""
        if self._own_train_step:
            return contextlib.nullcontext()
        return _already_summed(self._model.optimizer)

    def train(self, shard: Shard) -> Any:
        """Update the variables by the gradients of all replicas.

        Returns:
            What the model's own `train_step` returns; `None` where the metrics tell all.
        """
        if self._own_train_step:
            return self._own(self._model.train_step, shard)
        self._train(shard)
        return None

    def test(self, shard: Shard) -> Any:
        """Update the metrics; returns as `train` does."""
        if self._own_test_step:
            return self._own(self._model.test_step, shard)
        self._track(shard, *self._loss(shard, training=False))
        return None

    def _own(self, step, shard: Shard) -> Any:
        with _counting(self._model.metrics_variables, shard.counted):
            return step(shard.data)

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
        y_pred = called(self._model, x, training)
        with _sharing(self._losses, shard.share):
            loss = loss_of(self._model, x, y, y_pred, sample_weight, training)
        # Keras divides by the number of replicas, for replicas of the same size.
        return y_pred, loss * tf.distribute.get_strategy().num_replicas_in_sync

    def _track(self, shard: Shard, y_pred: Any, loss: tf.Tensor) -> None:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(shard.data)
        with _counting(self._of_examples, shard.counted):
            for metric in self._model.metrics:
                if metric.name == "loss":
                    size = tf.shape(keras.tree.flatten(x)[0])[0]
                    metric.update_state(loss, sample_weight=size)
            self._model.compute_metrics(x, y, y_pred, sample_weight)


@contextlib.contextmanager
def _counting(variables: list[keras.Variable], counted: tf.Tensor) -> Iterator[None]:
    """Take back what is done to the variables meanwhile unless `counted`."""
    before = [tf.identity(variable.value) for variable in variables]
    yield
    for variable, old in zip(variables, before, strict=True):
        variable.assign(tf.where(counted, variable.value, old))


@contextlib.contextmanager
def _sharing(losses: list[keras.metrics.Mean], share: tf.Tensor) -> Iterator[None]:
    """Let what is told to `losses` meanwhile count by its share of the batch.

    Keras tells the losses of several outputs as means over steps, whatever the steps' sizes are: on
    all replicas together, a step has to count once.
    """
    before = [(tf.identity(one.total.value), tf.identity(one.count.value)) for one in losses]
    yield
    for one, (total, count) in zip(losses, before, strict=True):
        weight = tf.cast(share, total.dtype)
        told = tf.math.divide_no_nan(one.total.value - total, one.count.value - count)
        one.total.assign(total + told * weight)
        one.count.assign(count + weight)


@contextlib.contextmanager
def _already_summed(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Keep `optimizer.apply` from summing the gradients over the replicas.

    Keras clips, unscales and checks each replica's own gradients and sums them afterwards, so with
    `clipnorm`, or one overflow under `mixed_float16`, replicas end elsewhere than a single process
    would. Here they are summed first. No public name turns Keras's own sum off.

    Raises:
        RuntimeError: if this version of Keras sums in another place.
    """
    summing = "_all_reduce_sum_gradients"
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not hasattr(optimizer, summing):
        raise RuntimeError(
            f"Keras {keras.__version__} sums gradients in a way that is not known here; "
            "Keras 3.14 and 3.15 are."
        )
    object.__setattr__(optimizer, summing, lambda gradients_and_variables: gradients_and_variables)
    try:
        yield
    finally:
        object.__delattr__(optimizer, summing)
