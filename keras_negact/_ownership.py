"""One folder, one owner at a time, by a lock that a crash can't leave behind."""

import contextlib
import datetime
import os
import pathlib
import shlex
import socket
import sys
import time
import warnings
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Not a POSIX system.
    fcntl = None

FILE_NAME = ".owner"
_RETRY_EVERY = 0.1
_held: set[int] = set()


class FolderInUse(RuntimeError):
    """Another process, or another part of this one, works in the folder; the message says who.

    Examples:
        >>> x, y = np.ones((8, 2)), np.zeros((8, 1))
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> try:
        ...     history = fit(model, x, y, verbose=0, callbacks=[Backup("backup")])
        ... except FolderInUse as error:
        ...     print(f"Look whether this run is needed: {error}")
    """


@contextlib.contextmanager
def owned(
    folder: str | os.PathLike, name: str = FILE_NAME, patience: float = 5.0
) -> Iterator[None]:
    """Own `folder` while entered.

    The operating system holds the lock for as long as the process lives and drops it when the
    process ends in any way. The file that stays behind after a crash means nothing.

    Args:
        folder: a folder that is there and can be written to.
        name: of the file that is locked. Processes that may share the folder, each with a part of
            the work, take a name for each part.
        patience: seconds to wait for an owner that is about to end, such as one that was killed.

    Raises:
        FolderInUse: if somebody else owns it; the message says who.
        OSError: if the folder isn't there or can't be written to.
    """
    path = pathlib.Path(folder) / name
    if fcntl is None:
        warnings.warn(
            f"This system has no file locks: make sure that nobody else works in {folder}.",
            stacklevel=3,
        )
        yield
        return
    descriptor = _lock(path, time.monotonic() + patience)
    _held.add(descriptor)
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, _who().encode())
        yield
    finally:
        _held.discard(descriptor)
        # Before the lock is dropped: whoever gets it afterwards looks whether the file is there.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def _lock(path: pathlib.Path, deadline: float) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, descriptor):
                return descriptor
            # The owner before removed it after it was opened here.
            os.close(descriptor)
        except BlockingIOError:
            holder = os.pread(descriptor, 2000, 0).decode(errors="replace")
            os.close(descriptor)
            if time.monotonic() >= deadline:
                raise FolderInUse(
                    f"{path.parent} is in use by {holder or 'another process'}. Wait until that "
                    "has ended, or take another folder."
                ) from None
            time.sleep(_RETRY_EVERY)
        except OSError as error:
            os.close(descriptor)
            raise OSError(
                error.errno,
                f"This file system can't lock files ({error.strerror}); take another folder",
                str(path.parent),
            ) from error


def _is_at(path: pathlib.Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _who() -> str:
    command = shlex.join(sys.orig_argv)
    since = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    shown = command if len(command) <= 200 else command[:197] + "..."
    return f"process {os.getpid()} on {socket.gethostname()} since {since} ({shown})"


def _let_go_in_child() -> None:
    # A lock belongs to the open file, which a forked child shares: it would outlive its owner.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if fcntl is not None:
    os.register_at_fork(after_in_child=_let_go_in_child)
