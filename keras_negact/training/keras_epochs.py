"""Epochs by `Model.fit`, where one process with one replica does the training."""

from typing import Any

import keras

from keras_negact.training.epoch_data import EpochData
from keras_negact.training.run_callbacks import RunCallbacks


class KerasEpochs:
    """Trains with `Model.fit`: one call for each epoch that needs a dataset of its own.

    Args:
        model: a compiled and built model.
        data: the training data.
        fit_arguments: what is left of the arguments of `Model.fit`.
    """

    def __init__(self, model: keras.Model, data: EpochData, fit_arguments: dict[str, Any]):
        self._model = model
        self._data = data
        self._fit_arguments = fit_arguments

    def train(
        self, first_epoch: int, first_step: int, epochs: int, callbacks: RunCallbacks
    ) -> None:
        """Train from `first_epoch`, `first_step` up to `epochs` finished epochs."""
        epoch, step = first_epoch, first_step
        trained = False
        while epoch < epochs and not self._model.stop_training:
            if trained:
                self._undo_averaging(callbacks)
            one_call = self._data.constant and step == 0
            until = epochs if one_call else epoch + 1
            callbacks.count_steps_from(step)
            self._model.fit(
                self._data.stream(epoch) if one_call else self._data.batches(epoch, step),
                epochs=until,
                initial_epoch=epoch,
                steps_per_epoch=self._data.steps_per_epoch if one_call else None,
                callbacks=callbacks,
                shuffle=not self._data.in_datasets,
                **self._fit_arguments,
            )
            epoch, step, trained = until, 0, True
        if not trained:
            self._model.optimizer.finalize_variable_values(self._model.trainable_variables)

    def _undo_averaging(self, callbacks: RunCallbacks) -> None:
        # With `use_ema=True`, every call of `Model.fit` ends by putting the averages in place of
        # the weights, which is right after the last one alone.
        for variable, value in zip(
            self._model.trainable_variables, callbacks.weights_before_averaging, strict=False
        ):
            variable.assign(value)
