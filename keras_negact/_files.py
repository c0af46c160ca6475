"""Files that are replaced whole or not at all, whenever the process that writes them ends."""

import contextlib
import os
import pathlib


def replace(
    path: pathlib.Path,
    content: str | bytes,
    what: str = "A file",
    then: str = "the same command goes on from what is there",
) -> None:
    """Replace a file by `content`, or leave it as it was.

    Args:
        path: of the file. One process at a time may replace it.
        content: what it is to hold.
        what: what could not be written, for the error.
        then: what holds then.

    Raises:
        OSError: if it can't be written, as where the disk is full or the folder was removed.
    """
    temporary = unfinished(path)
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise OSError(
                error.errno, f"{what} could not be written ({error.strerror}); {then}", str(path)
            ) from error
        raise


def unfinished(path: pathlib.Path) -> pathlib.Path:
    """What is left of a new file if its process ends while it writes; the next one replaces it."""
    return path.with_name(f"unfinished_{path.name}")
