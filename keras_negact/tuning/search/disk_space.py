"""A disk that is full, found before weights are written to it: HDF5 would end the process."""

import math
import os
import shutil

import keras

from keras_negact.tuning._keras_tuner import keras_tuner

# For the search's own files, and for what HDF5 adds to the weights.
_MARGIN = 4_000_000


def check_disk_space(folder: str | os.PathLike, wanted: float = 0) -> None:
    """See that there is room for so many bytes, and a little more.

    Raises:
        FatalRuntimeError: keras-tuner's, which ends the search.
    """
    free, needed = shutil.disk_usage(folder).free, wanted * 1.25 + _MARGIN
    if free < needed:
        raise keras_tuner.errors.FatalRuntimeError(
            f"The disk of {folder} has {free / 1e6:.0f} MB left, and the next weights need "
            f"{needed / 1e6:.0f} MB. Make room, and start the search again: it goes on."
        )


class CheckDiskSpace(keras.callbacks.Callback):
    """Ends the search, after an epoch, where there is no room for the network's weights."""

    def __init__(self, folder: str | os.PathLike):
        super().__init__()
        self.folder = os.fspath(folder)

    def on_epoch_end(self, epoch, logs=None):
        variables = list(self.model.variables)
        if self.model.compiled:
            variables += self.model.optimizer.variables
        sizes = (math.prod(variable.shape) for variable in variables)
        # Eight bytes: those of the widest type that a weight can have.
        check_disk_space(self.folder, 8 * sum(sizes))
