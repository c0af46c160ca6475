"""A second process that ends a worker which waits for peers that are not there.

TensorFlow waits for its peers in native code that heeds neither Python threads nor SIGTERM, so only
another process can end the wait. This file runs as that process too, and therefore imports the
standard library alone.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

_PROBE_EVERY = 1.0


@contextlib.contextmanager
def watching(cluster, timeout: float, joining: bool = False) -> Iterator[None]:
    """End this process with a message, if its peers are gone for longer than `timeout` seconds.

    Args:
        cluster: the workers, a `keras_negact.training.cluster.Cluster`.
        timeout: seconds.
        joining: whether what is done meanwhile must itself be done within `timeout`, because it
            waits for all peers.
    """
    task = {
        "pid": os.getpid(),
        "worker": cluster.index,
        "peers": cluster.peers,
        "timeout": timeout,
        "joining": joining,
    }
    watchdog = subprocess.Popen(
        [sys.executable, "-S", "-E", __file__, json.dumps(task)], stdin=subprocess.PIPE
    )
    try:
        yield
    finally:
        # The end of its input tells the watchdog that all is well.
        watchdog.stdin.close()
        watchdog.wait()


def watch(task: dict) -> None:
    """Probe the peers until the input ends or one of them is missing for too long."""
    # A signal to the group of processes is for the worker, whose end ends the input.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    peers = {int(index): address for index, address in task["peers"].items()}
    began = time.monotonic()
    seen = dict.fromkeys(peers, began)
    while not select.select([sys.stdin], [], [], _PROBE_EVERY)[0]:
        for index, address in peers.items():
            if answers(address):
                seen[index] = time.monotonic()
        now = time.monotonic()
        missing = [index for index in peers if now - seen[index] > task["timeout"]]
        if missing:
            _end(task, peers, missing, "lost" if not task["joining"] else "never reached")
        if task["joining"] and now - began > task["timeout"]:
            late = [index for index in peers if seen[index] == began] or list(peers)
            _end(task, peers, late, "never joined by")


def answers(address: str) -> bool:
    """Whether somebody listens on `address`."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PROBE_EVERY).close()
    except OSError:
        return False
    return True


def silent(peers: dict[int, str], within: float) -> list[int]:
    """The workers that don't answer, as soon as there are any, for at most `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        found = [index for index, address in peers.items() if not answers(address)]
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def _end(task: dict, peers: dict[int, str], indices: list[int], what: str) -> None:
    names = ", ".join(f"worker {index} ({peers[index]})" for index in indices)
    print(
        f"keras_negact: worker {task['worker']} {what} {names} within {task['timeout']:g} seconds; "
        "ending it.",
        file=sys.stderr,
        flush=True,
    )
    with contextlib.suppress(ProcessLookupError):
        os.kill(task["pid"], signal.SIGKILL)
    sys.exit()


if __name__ == "__main__":
    watch(json.loads(sys.argv[1]))
