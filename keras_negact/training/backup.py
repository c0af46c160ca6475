"""The backup from which an interrupted run goes on: what `fit` is told of it."""

import os
import pathlib

import keras

from keras_negact import _checks
from keras_negact.training.backup_file import BackupFile


class Backup(keras.callbacks.Callback):
    """Lets `fit` go on where an interrupted run stopped.

    One file, `backup.zip`, holds the weights, the optimizer, what recurrent layers remember, the
    random state of the layers, of Python and of NumPy, the epoch and the step, what the other
    callbacks remember, and the history. It is replaced in one go, so a run that dies while writing
    leaves the one before. Give `fit` the same arguments again, and it ends with the weights of a
    run that was never interrupted. One process at a time owns the directory.

    The order of the data is the same only if it is a function of the epoch: pass arrays, a
    `keras.utils.PyDataset`, or a function `epoch -> tf.data.Dataset`.

    A backup is refused, and kept, where the network's architecture, the class of the optimizer, or
    the size or batch of the data are others than when it was made. The number of epochs,
    callbacks and the number of workers may change; the learning rate goes on as it was, unless a
    callback sets it.

    Args:
        directory: where the file is written; made if it isn't there. In a cluster only the chief
            writes and reads it.
        save_every: `"epoch"`, or a number of steps; the end of an epoch is always saved.

    Raises:
        ValueError: if `directory` is no path, or `save_every` neither `"epoch"` nor a positive
            integer.

    Examples:
        >>> x, y = np.ones((8, 2)), np.zeros((8, 1))
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = fit(model, x, y, epochs=2, verbose=0, callbacks=[Backup("backup")])
        >>> history = fit(model, x, y, epochs=5, verbose=0, callbacks=[Backup("backup")])
        >>> len(history.history["loss"])
        5
    """

    def __init__(self, directory: str | os.PathLike, save_every: str | int = "epoch"):
        super().__init__()
        if not (isinstance(save_every, str) and save_every == "epoch"):
            try:
                save_every = _checks.integer("save_every", save_every, minimum=1)
            except ValueError:
                allowed = '"epoch" or a positive number of steps'
                raise _checks.refused("save_every", allowed, save_every) from None
        self.directory = _checks.path("directory", directory, "a folder")
        self.save_every = save_every

    @property
    def path(self) -> pathlib.Path:
        """The file that holds the last backup."""
        return BackupFile(self.directory).path

    def on_train_begin(self, logs=None):
        # `fit` keeps it to itself, and has none of its methods called.
        raise RuntimeError(
            "`Backup` works with `keras_negact.training.fit(model, ...)`, "
            "not with `model.fit(...)`."
        )
