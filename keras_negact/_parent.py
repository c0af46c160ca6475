"""Processes that end with the one that started them, however that one ends.

Runs as a file too, before the program of a worker, and therefore imports the standard library
alone.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

_POLL_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1


def command_ending_with_parent(command: Sequence[str]) -> list[str]:
    """The command that runs `command` in a process that ends with this one.

    The process keeps its number: what runs first makes way for `command`.
    """
    return [sys.executable, "-I", "-S", __file__, "run", str(os.getpid()), *command]


def end_with_parent(parent: int) -> None:
    """End this process by SIGKILL as soon as its parent has ended.

    It holds for the program that this process runs afterwards by `os.exec...`, too. On Linux the
    kernel sees to it, and takes the end of the thread that started the process for its parent's;
    elsewhere a small process of its own looks.

    Args:
        parent: the process that started this one. It may have ended already.
    """
    if not _let_kernel_end():
        subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, "watch", str(parent)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _let_kernel_end() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    return ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) == 0


def _watch(process: int, parent: int) -> None:
    """End `process`, which started this one, when `parent` is gone."""
    while os.getppid() == process:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            return
        time.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        _watch(os.getppid(), int(sys.argv[2]))
    else:
        end_with_parent(int(sys.argv[2]))
        os.execv(sys.argv[3], sys.argv[3:])
