"""A loss that is not a number, as a failure."""

import math

import keras


class NanLoss(ArithmeticError):
    """The loss is infinite or not a number."""


class RefuseNanLoss(keras.callbacks.Callback):
    """Ends training with `NanLoss` after an epoch whose loss was not finite.

    Its accuracy would be a number all the same, that of a constant answer.
    """

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            # The running mean over the epoch: one bad batch is enough to spoil it.
            if name.endswith("loss") and not math.isfinite(value):
                raise NanLoss(f"{name} is {value} in epoch {epoch + 1}")
