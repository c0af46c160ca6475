"""Losses that are no numbers: an accuracy that stands beside one says nothing."""

import math
from typing import Any

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
            refuse_nan_loss(name, value, f"epoch {epoch + 1}")


def refuse_nan_loss(name: str, value: Any, where: str) -> None:
    """Raise `NanLoss` if it is a loss, and no finite number."""
    if name.endswith("loss") and not math.isfinite(value):
        raise NanLoss(f"{name} is {value} in {where}")
