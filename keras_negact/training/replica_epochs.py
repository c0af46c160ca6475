"""Epochs on the replicas of a strategy."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_negact.training.epoch_data import EpochData
from keras_negact.training.replica_step import ReplicaStep
from keras_negact.training.replicas import Replicas
from keras_negact.training.run_callbacks import RunCallbacks


class ReplicaEpochs:
    """The loop of `Model.fit`, with every global batch cut evenly over the replicas.

    Args:
        model: a compiled and built model.
        data: the training data.
        replicas: the replicas of the model's strategy.
        validation_data: batches, or `None`.
        validation_freq: as for `Model.fit`.
    """

    def __init__(
        self,
        model: keras.Model,
        data: EpochData,
        replicas: Replicas,
        validation_data: tf.data.Dataset | None,
        validation_freq: int | Sequence[int],
    ):
        self._model = model
        self._data = data
        self._replicas = replicas
        self._step = ReplicaStep(model)
        self._validation_data = validation_data
        self._validation_freq = validation_freq

    def train(
        self, first_epoch: int, first_step: int, epochs: int, callbacks: RunCallbacks
    ) -> None:
        """Train from `first_epoch`, `first_step` up to `epochs` finished epochs."""
        shards = self._shards(first_epoch, first_step)
        callbacks.count_steps_from(first_step)
        for epoch in range(first_epoch, epochs):
            if self._model.stop_training:
                break
            self._model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            with self._step.summing():
                logs = self._train_epoch(next(shards), callbacks)
            callbacks.count_steps_from(0)
            self._replicas.settle()
            if self._validation_data is not None and self._validates_after(epoch):
                results = test_all(
                    self._replicas, self._model, self._validation_data, self._step, callbacks
                )
                logs |= {f"val_{name}": value for name, value in results.items()}
            callbacks.on_epoch_end(epoch, logs)
            self._replicas.agree_to_stop()
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)

    def _train_epoch(self, shards: Iterator, callbacks: RunCallbacks) -> dict[str, Any]:
        logs: dict[str, Any] = {}
        for step, parts in enumerate(shards):
            callbacks.on_train_batch_begin(step)
            logs = self._replicas.step(self._step.train, parts)
            callbacks.on_train_batch_end(step, logs)
            if self._replicas.stopped:
                break
        return {name: float(value) for name, value in logs.items()}

    def _shards(self, first_epoch: int, first_step: int) -> Iterator[Iterator]:
        """The parts of the batches, epoch by epoch."""
        length = self._data.steps_per_epoch
        if self._data.constant and length is not None:
            stream = iter(self._replicas.shards(self._data.stream(first_epoch).skip(first_step)))
            yield itertools.islice(stream, length - first_step)
            while True:
                yield itertools.islice(stream, length)
        yield iter(self._replicas.shards(self._data.batches(first_epoch, first_step)))
        for epoch in itertools.count(first_epoch + 1):
            yield iter(self._replicas.shards(self._data.batches(epoch)))

    def _validates_after(self, epoch: int) -> bool:
        if isinstance(self._validation_freq, int):
            return (epoch + 1) % self._validation_freq == 0
        return epoch + 1 in self._validation_freq


def test_all(
    replicas: Replicas,
    model: keras.Model,
    batches: tf.data.Dataset,
    step: ReplicaStep,
    callbacks: keras.callbacks.CallbackList,
) -> dict[str, float]:
    """The metrics over all `batches`."""
    model.reset_metrics()
    callbacks.on_test_begin()
    logs: dict[str, Any] = {}
    for index, parts in enumerate(replicas.shards(batches)):
        callbacks.on_test_batch_begin(index)
        logs = replicas.step(step.test, parts)
        callbacks.on_test_batch_end(index, logs)
    results = {name: float(value) for name, value in logs.items()}
    callbacks.on_test_end(results)
    return results
