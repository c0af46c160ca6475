"""SIGTERM as a wish to stop after the current step."""

import signal
import threading


class StopSignal:
    """While entered, SIGTERM sets `requested` instead of ending the process.

    Only the main thread may install signal handlers; elsewhere this does nothing.

    Args:
        heeded: whether SIGTERM is to be caught at all. If not, it ends the process, which it would
            not do by itself once TensorFlow has joined a cluster.
    """

    def __init__(self, heeded: bool = True) -> None:
        self.requested = False
        self._handler = self._request if heeded else signal.SIG_DFL
        self._previous = None

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._handler)
        return self

    def __exit__(self, *_) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)

    def _request(self, *_) -> None:
        self.requested = True
