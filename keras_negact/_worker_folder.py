"""The temporary folder of a worker, which the next one removes if the worker was killed."""

import contextlib
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from keras_negact import _ownership

_PREFIX = "keras_negact-worker-"


@contextlib.contextmanager
def worker_folder() -> Iterator[pathlib.Path]:
    """A temporary folder that is removed on leaving; those of killed workers are, on entering."""
    _remove_abandoned()
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX) as folder,
        _ownership.owned(folder),
    ):
        yield pathlib.Path(folder)


def _remove_abandoned() -> None:
    for folder in pathlib.Path(tempfile.gettempdir()).glob(_PREFIX + "*"):
        # Without the file the worker is at its first or its last step, or the folder another
        # program's; folders of other users can't be owned.
        if (folder / _ownership.FILE_NAME).is_file():
            with (
                contextlib.suppress(OSError, _ownership.FolderInUse),
                _ownership.owned(folder, patience=0),
            ):
                shutil.rmtree(folder)
