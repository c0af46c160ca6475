"""The cluster that `TF_CONFIG` describes."""

import json
import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Cluster:
    """The workers that train together, and which of them this process is.

    Args:
        workers: the addresses, `host:port`, in the same order on every worker.
        index: the position of this process among them.
    """

    workers: tuple[str, ...]
    index: int

    @property
    def address(self) -> str:
        """The address of this process."""
        return self.workers[self.index]

    @property
    def peers(self) -> dict[int, str]:
        """The addresses of the other workers, by their index."""
        return {i: address for i, address in enumerate(self.workers) if i != self.index}

    def require_bindable(self) -> None:
        """Fail if the port of this worker is taken or its host isn't known.

        Raises:
            OSError: with the address and the reason.
        """
        host, port = split_address(self.address)
        try:
            socket.getaddrinfo(host, port)
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                # TensorFlow listens on all interfaces, whatever the host's name is.
                probe.bind(("", port))
        except OSError as error:
            raise OSError(
                error.errno, f"Worker {self.index} can't listen on {self.address}: {error.strerror}"
            ) from error


def read_cluster(environment: dict[str, str] | None = None) -> Cluster | None:
    """Read `TF_CONFIG`.

    Args:
        environment: the environment variables; those of this process by default.

    Returns:
        The cluster, or `None` where `TF_CONFIG` is not set or has no workers.

    Raises:
        ValueError: if `TF_CONFIG` is malformed: what is wrong, and what a right one looks like.
    """
    text = (os.environ if environment is None else environment).get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise _malformed(text, f"it is not JSON ({error})") from error
    if not isinstance(config, dict) or not isinstance(config.get("cluster", {}), dict):
        raise _malformed(text, "it is not an object with an object `cluster`")
    groups = config.get("cluster", {})
    if not groups:
        return None
    if set(groups) != {"worker"}:
        raise _malformed(
            text, f"the only task type allowed is `worker`, and it has {sorted(groups)}"
        )
    workers = groups["worker"]
    if not isinstance(workers, list) or not workers or len(set(map(str, workers))) != len(workers):
        raise _malformed(text, "`worker` is not a list of different addresses")
    for address in workers:
        try:
            split_address(address)
        except (ValueError, AttributeError) as error:
            raise _malformed(text, f"{address!r} is not a `host:port`") from error
    task = config.get("task")
    if not isinstance(task, dict) or task.get("type") != "worker":
        raise _malformed(text, "`task` does not have the type `worker`")
    index = task.get("index")
    if not str(index).isdigit() or int(index) >= len(workers):
        raise _malformed(
            text, f"the task's index is {index!r} and there are {len(workers)} workers"
        )
    return Cluster(tuple(workers), int(index))


def is_chief() -> bool:
    """Whether this process writes the files and shows the progress: worker 0, or the only one."""
    cluster = read_cluster()
    return cluster is None or cluster.index == 0


def split_address(address: str) -> tuple[str, int]:
    """`"host:port"` as host and port.

    Raises:
        ValueError: if the port is missing or no number from 1 to 65535.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"not a host and a port: {address!r}")
    return host.strip("[]"), int(port)


def _malformed(text: str, what: str) -> ValueError:
    right = {
        "cluster": {"worker": ["host0:12345", "host1:12345"]},
        "task": {"type": "worker", "index": 0},
    }
    return ValueError(
        f"`TF_CONFIG` is malformed: {what}. Received: {text}. "
        f"A right one, on the first of two workers: {json.dumps(right)}"
    )
