"""The file of a backup: whole or not there, and refused where it doesn't fit."""

import contextlib
import pathlib
import shutil
import tempfile
import warnings
from typing import Any

from keras_negact import _files
from keras_negact._ownership import owned
from keras_negact._packing import pack, unpack

# In backups of version 1 the network's part of the identity was made in another way.
VERSION = 2
# The parts of a backup of any version, and what they are.
_PARTS = {
    "epoch": int,
    "step": int,
    "stopped": bool,
    "history": dict,
    "variables": dict,
    "callbacks": dict,
    "random": dict,
    "seed": int,
}
_MEANINGS = {
    "network": "its network has another architecture",
    "optimizer": "it was trained by another optimizer",
    "data": "its data have another size or batch",
}


class BackupFile:
    """The one file in the directory of a `Backup`.

    Args:
        directory: made when it is claimed, if it isn't there.
    """

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        self.path = directory / "backup.zip"

    def claim(self) -> contextlib.AbstractContextManager:
        """To be entered by whoever saves and restores: the directory is its own meanwhile.

        Raises:
            FolderInUse: if another process works in it.
            OSError: if the directory can't be made or written to.
        """
        with self._explained():
            self.directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.directory) as probe:
                probe.write(b"probe")
        return owned(self.directory)

    def check(self, size: int) -> None:
        """Fail before training if a backup of `size` bytes couldn't be written.

        Raises:
            OSError: if the directory can't be written to or has too little space.
        """
        with self._explained():
            _files.unfinished(self.path).unlink(missing_ok=True)
        # The new file lies beside the old one until it replaces it.
        free = shutil.disk_usage(self.directory).free
        if free < size:
            raise OSError(
                f"The backup needs {size:,} bytes in {self.directory}, where {free:,} are free."
            )

    def save(self, saved: dict[str, Any], identity: dict[str, Any]) -> None:
        """Replace the backup by `saved`, made by a run of that identity.

        Raises:
            OSError: if the disk is full or not writable.
        """
        self.write(pack({"version": VERSION, "identity": identity, **saved}))

    def opened(self, content: bytes, identity: dict[str, Any]) -> dict[str, Any]:
        """What is in the bytes of a backup, if it belongs to a run of that identity.

        Raises:
            ValueError: if it is damaged, or of another run.
        """
        saved = self._unpacked(content)
        for part, kind in _PARTS.items():
            if part not in saved:
                raise self.damaged(f"it lacks {part}")
            if not isinstance(saved[part], kind):
                raise self.damaged(f"its {part} is {str(saved[part])[:40]!r}")
        version = saved.get("version")
        if version is None:
            warnings.warn(
                f"The backup {self.path} was made before backups had a version: whether it belongs "
                "to this network, optimizer and data is not known.",
                stacklevel=2,
            )
            return saved
        if version not in (1, VERSION):
            raise ValueError(
                f"The backup {self.path} has the version {version!r}, and this package reads "
                f"{VERSION}. It is kept; go on with the package that made it."
            )
        made_by = saved.get("identity")
        if not isinstance(made_by, dict):
            raise self.damaged("it does not say which run made it")
        differing = [key for key in _MEANINGS if made_by.get(key) != identity[key]]
        if version == 1 and "network" in differing:
            differing.remove("network")
            warnings.warn(
                f"The backup {self.path} has the version 1: whether it belongs to this network is "
                "not known.",
                stacklevel=2,
            )
        differences = [_MEANINGS[key] for key in differing]
        if differences:
            raise ValueError(
                f"The backup {self.path} was made by another run: {' and '.join(differences)}. It "
                "is kept; take another directory for this run."
            )
        return saved

    def write(self, content: bytes) -> None:
        """Replace the backup by `content`, or leave it as it was.

        Raises:
            OSError: if the disk is full or not writable.
        """
        is_first = not self.path.exists()
        then = "there is none before it" if is_first else "the one before is intact"
        _files.replace(self.path, content, "A backup", then)

    def read(self) -> bytes | None:
        """The last backup, or `None` where there is none.

        Raises:
            ValueError: if the file is damaged.
            OSError: if it can't be read.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        self._unpacked(content)
        return content

    def _unpacked(self, content: bytes) -> dict[str, Any]:
        try:
            saved = unpack(content)
        except ValueError as error:
            raise self.damaged(str(error)) from error
        if not isinstance(saved, dict):
            raise self.damaged(f"it holds a {type(saved).__name__}, not the parts of a backup")
        return saved

    def damaged(self, how: str) -> ValueError:
        """The error for a file that is not what `save` wrote."""
        return ValueError(
            f"The backup {self.path} is damaged ({how}). It is kept; remove it to train from the "
            "start."
        )

    @contextlib.contextmanager
    def _explained(self):
        try:
            yield
        except OSError as error:
            raise OSError(
                error.errno, f"The backup can't be written: {error.strerror}", str(self.directory)
            ) from error
