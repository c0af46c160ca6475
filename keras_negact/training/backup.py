"""The backup from which an interrupted run goes on."""

import os
import pathlib
import shutil
import tempfile

import keras

from keras_negact.training.packing import unpack


class Backup(keras.callbacks.Callback):
    """Lets `fit` go on where an interrupted run stopped.

    One file, `backup.zip`, holds the weights, the optimizer, the random state of the layers, of
    Python and of NumPy, the epoch and the step, what the other callbacks remember, and the history.
    It is replaced in one go, so a run that dies while writing leaves the one before. Give `fit` the
    same arguments again, and it ends with the weights of a run that was never interrupted.

    The order of the data is the same only if it is a function of the epoch: pass arrays, or a
        function
    `epoch -> tf.data.Dataset`.

    Args:
        directory: where the file is written; made if it isn't there. In a cluster only the chief
            writes and reads it.
        save_every: `"epoch"`, or a number of steps; the end of an epoch is always saved.

    Raises:
        ValueError: if `save_every` is neither `"epoch"` nor a positive integer.
    """

    def __init__(self, directory: str | os.PathLike, save_every: str | int = "epoch"):
        super().__init__()
        whole = isinstance(save_every, int) and not isinstance(save_every, bool)
        if save_every != "epoch" and not (whole and save_every > 0):
            raise ValueError(
                '`save_every` must be "epoch" or a positive number of steps. '
                f"Received: save_every={save_every!r}"
            )
        self.directory = pathlib.Path(directory)
        self.save_every = save_every
        self._used_by_fit = False

    @property
    def path(self) -> pathlib.Path:
        """The file that holds the last backup."""
        return self.directory / "backup.zip"

    def claim(self) -> None:
        """Called by `fit`, which does the saving and restoring."""
        self._used_by_fit = True

    def on_train_begin(self, logs=None):
        if not self._used_by_fit:
            raise RuntimeError(
                "`Backup` works with `keras_negact.training.fit(model, ...)`, "
                "not with `model.fit(...)`."
            )

    def check(self, size: int) -> None:
        """Fail before training if a backup of `size` bytes couldn't be written.

        Raises:
            OSError: if the directory can't be made or written to, or has too little space.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for leftover in self.directory.glob("backup-*.tmp"):
                leftover.unlink()
            with tempfile.TemporaryFile(dir=self.directory) as probe:
                probe.write(b"probe")
        except OSError as error:
            raise OSError(
                error.errno, f"The backup can't be written: {error.strerror}", str(self.directory)
            ) from error
        # The new file lies beside the old one until it replaces it.
        free = shutil.disk_usage(self.directory).free
        if free < size:
            raise OSError(
                f"The backup needs {size:,} bytes in {self.directory}, where {free:,} are free."
            )

    def write(self, content: bytes) -> None:
        """Replace the backup by `content`, or leave it as it was.

        Raises:
            OSError: if the disk is full or not writable.
        """
        descriptor, temporary = tempfile.mkstemp(".tmp", "backup-", self.directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except BaseException as error:
            pathlib.Path(temporary).unlink(missing_ok=True)
            if isinstance(error, OSError):
                kept = (
                    "the one before is intact" if self.path.exists() else "there is none before it"
                )
                raise OSError(
                    error.errno,
                    f"A backup could not be written ({error.strerror}); {kept}",
                    str(self.path),
                ) from error
            raise

    def read(self) -> bytes | None:
        """The last backup, or `None` where there is none.

        Raises:
            ValueError: if the file is damaged.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            unpack(content)
        except ValueError as error:
            raise ValueError(
                f"The backup {self.path} is damaged ({error}). Remove it to train from the start."
            ) from error
        return content
