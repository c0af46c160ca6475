"""Who trains a model together: the cluster of `TF_CONFIG`, and the strategy of the model."""

import contextlib
import json
import os
import socket
from dataclasses import dataclass

import keras

from keras_negact import _checks

# Jobs that train, in the order in which TensorFlow numbers their tasks.
_TRAINING = ("chief", "worker")


@dataclass(frozen=True)
class Cluster:
    """The workers that train together, and which of them this process is.

    Args:
        workers: the addresses, `host:port`, in the same order on every worker; a chief is the
            first of them.
        index: the position of this process among them; `None` for a task that does not train.
        other_jobs: jobs for other kinds of training, such as parameter servers or an evaluator.
    """

    workers: tuple[str, ...]
    index: int | None
    other_jobs: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The address of this process."""
        return self.workers[self.index]

    @property
    def peers(self) -> dict[int, str]:
        """The addresses of the other workers, by their index."""
        return {i: address for i, address in enumerate(self.workers) if i != self.index}

    def require_trainable(self) -> None:
        """Fail if the cluster has tasks that this package has no use for.

        Raises:
            ValueError: with their names.
        """
        if self.other_jobs:
            raise ValueError(
                f"The cluster of `TF_CONFIG` has {' and '.join(self.other_jobs)}. Every worker "
                "trains a copy of the network here, so only `chief` and `worker` are allowed: "
                "there are no parameter servers, and every worker takes part in the evaluation."
            )

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
    """Read `TF_CONFIG`, and count its tasks as TensorFlow does: the chief is worker 0.

    Args:
        environment: the environment variables; those of this process by default.

    Returns:
        The cluster, or `None` where `TF_CONFIG` is not set or names no tasks.

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
    jobs = {job: tasks for job, tasks in config.get("cluster", {}).items() if tasks}
    if not jobs:
        return None
    for job, addresses in jobs.items():
        _check_addresses(text, job, addresses)
    if len(jobs.get("chief", [])) > 1:
        raise _malformed(text, "it has several chiefs")
    workers = [address for job in _TRAINING for address in jobs.get(job, [])]
    if len(set(workers)) != len(workers):
        raise _malformed(text, "its workers do not have different addresses")
    job, index = _task(text, config, jobs)
    others = sorted({job, *jobs} - set(_TRAINING))
    place = None if job not in _TRAINING else index
    if job == "worker":
        place += len(jobs.get("chief", []))
    return Cluster(tuple(workers), place, tuple(others))


def is_chief() -> bool:
    """Whether this process writes the files and shows the progress: worker 0, or the only one.

    Examples:
        >>> is_chief()
        True
    """
    cluster = read_cluster()
    return cluster is None or cluster.index == 0


def trains_on_replicas(model: keras.Model) -> bool:
    """Whether the strategy of `model` needs more than `Model.fit`: replicas, or a cluster."""
    strategy = getattr(model, "distribute_strategy", None)
    if strategy is None:
        return False
    clustered = type(strategy).__name__.startswith("MultiWorker")
    return clustered or strategy.num_replicas_in_sync > 1


def place_in_cluster(model: keras.Model) -> tuple[int, int]:
    """Which worker this process is, and of how many, where the model is trained by a cluster."""
    cluster = read_cluster() if trains_on_replicas(model) else None
    return (0, 1) if cluster is None else (cluster.index, len(cluster.workers))


def scope_of(model: keras.Model) -> contextlib.AbstractContextManager:
    """Where variables of `model` are made: the scope of its strategy, on TensorFlow."""
    strategy = getattr(model, "distribute_strategy", None)
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def default_timeout() -> float:
    """Seconds to wait for peers: the environment variable `KERAS_NEGACT_TIMEOUT`, or 60.

    Raises:
        ValueError: if the variable is no positive number.
    """
    name = "KERAS_NEGACT_TIMEOUT"
    text = os.environ.get(name, "60")
    try:
        seconds = float(text)
    except ValueError:
        seconds = text
    return _checks.number(name, seconds, above=0)


def split_address(address: str) -> tuple[str, int]:
    """`"host:port"` as host and port.

    Raises:
        ValueError: if the port is missing or no number from 1 to 65535.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"not a host and a port: {address!r}")
    return host.strip("[]"), int(port)


def _check_addresses(text: str, job: str, addresses) -> None:
    if not isinstance(addresses, list):
        raise _malformed(text, f"`{job}` is not a list of addresses")
    for address in addresses:
        try:
            split_address(address)
        except (ValueError, AttributeError) as error:
            raise _malformed(text, f"{address!r} is not a `host:port`") from error


def _task(text: str, config: dict, jobs: dict[str, list]) -> tuple[str, int]:
    task = config.get("task")
    if not isinstance(task, dict) or not isinstance(task.get("type"), str):
        raise _malformed(text, "it has no object `task` with a `type`")
    job, index = task["type"], task.get("index")
    if isinstance(index, bool) or not str(index).isdigit():
        raise _malformed(text, f"the task's index is {index!r}")
    # An evaluator is no part of the cluster that it evaluates.
    if job == "evaluator" and job not in jobs:
        return job, int(index)
    if job not in jobs:
        raise _malformed(text, f"the task's type is {job!r} and the cluster has {sorted(jobs)}")
    if int(index) >= len(jobs[job]):
        raise _malformed(
            text, f"the task's index is {index!r} and `{job}` has {len(jobs[job])} tasks"
        )
    return job, int(index)


def _malformed(text: str, what: str) -> ValueError:
    right = {
        "cluster": {"worker": ["host0:12345", "host1:12345"]},
        "task": {"type": "worker", "index": 0},
    }
    return ValueError(
        f"`TF_CONFIG` is malformed: {what}. Received: {text}. "
        f"A right one, on the first of two workers: {json.dumps(right)}"
    )
