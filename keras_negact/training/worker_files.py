"""Where the workers that are not the chief write their files."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

import keras

# `ModelCheckpoint`, `CSVLogger` and `TensorBoard`, and others that follow their example.
_PATHS = ("filepath", "filename", "log_dir")


@contextlib.contextmanager
def own_files(callbacks: list[keras.callbacks.Callback], is_chief: bool) -> Iterator[None]:
    """Let the callbacks of a worker other than the chief write into a temporary folder.

    All workers run all callbacks, because saving may need values of every worker; the chief's files
    are the ones that stay.
    """
    if is_chief:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="keras_negact-worker-") as folder:
        moved = []
        for number, callback in enumerate(callbacks):
            for name in _PATHS:
                path = getattr(callback, name, None)
                if isinstance(path, (str, os.PathLike)):
                    place = pathlib.Path(folder, str(number), pathlib.Path(path).name)
                    place.parent.mkdir(exist_ok=True)
                    setattr(callback, name, str(place))
                    moved.append((callback, name, path))
        try:
            yield
        finally:
            for callback, name, path in moved:
                setattr(callback, name, path)
