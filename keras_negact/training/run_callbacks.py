"""The callbacks of a run, for which all its epochs are one `fit`."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from keras_negact.training.run import TrainingRun


class RunCallbacks(keras.callbacks.CallbackList):
    """A `CallbackList` that outlives the calls of `Model.fit` of which a run is made.

    `Model.fit` announces the beginning and the end of training every time it is called; here
    `begin` and `end` do, once a run. The run itself is told of every step and epoch after the
    callbacks.
    """

    def __init__(self, callbacks: list, run: "TrainingRun", **arguments: Any):
        self._run = run
        self._first_step = 0
        #: The weights at the end of the last epoch, if the optimizer is going to average them.
        self.weights_before_averaging: list[np.ndarray] = []
        super().__init__(callbacks, add_history=True, **arguments)

    def begin(self) -> None:
        super().on_train_begin()

    def end(self, logs: dict | None) -> None:
        super().on_train_end(logs)

    def count_steps_from(self, step: int) -> None:
        """Number the steps of the next epoch from `step` on."""
        self._first_step = step

    def on_train_begin(self, logs=None):
        pass

    def on_train_end(self, logs=None):
        pass

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        self._run.epoch_began()

    def on_train_batch_begin(self, batch, logs=None):
        super().on_train_batch_begin(self._first_step + batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(self._first_step + batch, logs)
        self._run.step_ended(self._first_step + batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if optimizer.use_ema:
            self.weights_before_averaging = [
                variable.numpy() for variable in self.model.trainable_variables
            ]
        self._run.epoch_ended(epoch, logs)
