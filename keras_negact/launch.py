"""Start several workers of one script on this machine.

    python -m keras_negact.launch --workers 2 SCRIPT ARGUMENTS...

On a cluster the scheduler starts the same script and sets `TF_CONFIG`; this is for one machine.
Lives as long as the training, and therefore imports neither Keras nor TensorFlow.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

from keras_negact import _checks
from keras_negact._isolation import OPEN_PORTS, TOLD, enter_own_network
from keras_negact._parent import command_ending_with_parent

_POLL_EVERY = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: those of the process by default.

    Returns:
        The exit status: 0 if all workers ended well, else that of the first one that did not; 128
        plus the signal's number where a signal ended it or was sent to the launcher.
    """
    parser = _parser()
    settings = parser.parse_args(arguments)
    try:
        _check(settings)
    except ValueError as error:
        parser.error(str(error))
    if settings.isolate:
        try:
            enter_own_network()
        except OSError as error:
            parser.error(f"--isolate: this machine allows no network namespace ({error.strerror})")
    elif settings.workers > 1:
        _say(f"{OPEN_PORTS} --isolate or a firewall keeps others out (docs/distributed.md).")
    return Workers(settings).run()


class Workers:
    """The processes, from their start to the end of the last one.

    Args:
        settings: the parsed command line.
    """

    def __init__(self, settings: argparse.Namespace):
        self._settings = settings
        self._signal: int | None = None
        self._processes: list[subprocess.Popen] = []

    def run(self) -> int:
        """Start all workers, wait for them, and return the exit status."""
        previous = {
            number: signal.signal(number, self._take_signal)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        try:
            readers = self._start()
            status = self._wait()
            for reader in readers:
                reader.join(timeout=5)
            return status
        finally:
            self._send(signal.SIGKILL)
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _take_signal(self, number: int, _) -> None:
        self._signal = number

    def _start(self) -> list[threading.Thread]:
        settings = self._settings
        addresses = [f"localhost:{port}" for port in free_ports(settings.workers)]
        readers = []
        for index in range(settings.workers):
            process = subprocess.Popen(
                command_ending_with_parent(
                    [sys.executable, "-u", settings.script, *settings.arguments]
                ),
                env=worker_environment(addresses, index, settings.timeout),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # A group of its own, so that a signal also reaches what the worker has started, and
                # Ctrl-C reaches the workers through the launcher alone.
                start_new_session=True,
            )
            self._processes.append(process)
            if settings.cpus_per_worker:
                os.sched_setaffinity(process.pid, cpus_of_worker(index, settings.cpus_per_worker))
            reader = threading.Thread(target=_copy_lines, args=(process.stdout, index), daemon=True)
            reader.start()
            readers.append(reader)
        return readers

    def _wait(self) -> int:
        first_failure: int | None = None
        passed_on: int | None = None
        # What is still to be sent to workers that do not end by themselves, and when.
        plan: list[tuple[float, int]] = []
        while True:
            running = [process for process in self._processes if process.poll() is None]
            now, grace = time.monotonic(), self._settings.grace
            failed = [i for i, p in enumerate(self._processes) if p.poll() not in (None, 0)]
            if failed and first_failure is None:
                # Of several at once one that a signal ended: others fail for want of it.
                first_failure = min(failed, key=lambda i: self._processes[i].returncode >= 0)
                _say(f"worker {first_failure} {_how_it_ended(self._processes[first_failure])}")
                if not plan:
                    # The others notice by themselves, and say whom they lost, unless they hang.
                    plan = [(now + grace, signal.SIGTERM), (now + 2 * grace, signal.SIGKILL)]
            if not running:
                break
            if self._signal is not None:
                passed_on, self._signal = self._signal, None
                _say(f"passing {signal.Signals(passed_on).name} on to the workers")
                self._send(passed_on)
                plan = [(now + grace, signal.SIGKILL)]
            if plan and now >= plan[0][0]:
                _, number = plan.pop(0)
                _say(f"ending the workers that are left by {signal.Signals(number).name}")
                self._send(number)
            time.sleep(_POLL_EVERY)
        if passed_on is not None:
            return 128 + passed_on
        return 0 if first_failure is None else _status(self._processes[first_failure])

    def _send(self, number: int) -> None:
        for process in self._processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)


def worker_environment(addresses: Sequence[str], index: int, timeout: float) -> dict[str, str]:
    """The environment of worker `index`: this process's, with its place in the cluster."""
    config = {
        "cluster": {"worker": list(addresses)},
        "task": {"type": "worker", "index": index},
    }
    return {
        **os.environ,
        "TF_CONFIG": json.dumps(config),
        "KERAS_NEGACT_TIMEOUT": f"{timeout:g}",
        TOLD: "1",
    }


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens at present."""
    with contextlib.ExitStack() as probes:
        ports = []
        for _ in range(count):
            probe = probes.enter_context(socket.socket())
            probe.bind(("", 0))
            ports.append(probe.getsockname()[1])
        return ports


def cpus_of_worker(index: int, count: int) -> set[int]:
    """`count` of this process's CPUs: others for every worker as long as there are enough."""
    available = sorted(os.sched_getaffinity(0))
    return {available[(index * count + i) % len(available)] for i in range(count)}


def _copy_lines(source: BinaryIO, index: int) -> None:
    # By the line, so that lines of several workers don't mix; of a progress bar the last state.
    with source:
        for line in source:
            text = line.decode(errors="replace").rstrip("\r\n").split("\r")[-1]
            _print_line(f"[worker {index}] {text}")


def _status(process: subprocess.Popen) -> int:
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _how_it_ended(process: subprocess.Popen) -> str:
    if process.returncode < 0:
        return f"was ended by {signal.Signals(-process.returncode).name}"
    return f"failed with the exit status {process.returncode}"


def _say(what: str) -> None:
    _print_line(f"[launch] {what}")


def _print_line(text: str) -> None:
    # Its end in the same write: `print` writes that on its own, and another thread's line between.
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _check(settings: argparse.Namespace) -> None:
    """Turn the texts of the command line into numbers."""
    settings.workers = _checks.integer("--workers", _parsed(settings.workers, int), 1)
    if settings.cpus_per_worker is not None:
        if not hasattr(os, "sched_setaffinity"):
            raise ValueError(f"--cpus-per-worker can't be had on {sys.platform}")
        settings.cpus_per_worker = _checks.integer(
            "--cpus-per-worker",
            _parsed(settings.cpus_per_worker, int),
            1,
            len(os.sched_getaffinity(0)),
        )
    if settings.timeout is None:
        name, text = "KERAS_NEGACT_TIMEOUT", os.environ.get("KERAS_NEGACT_TIMEOUT", "60")
    else:
        name, text = "--timeout", settings.timeout
    settings.timeout = _checks.number(name, _parsed(text, float), above=0)
    settings.grace = _checks.number("--grace", _parsed(settings.grace, float), 0)
    if not os.path.isfile(settings.script):
        raise _checks.refused("script", "a file that is there", settings.script)


def _parsed(text: str, kind: type) -> Any:
    """The number that `text` stands for, or the text itself for a check to refuse."""
    try:
        return kind(text)
    except ValueError:
        return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m keras_negact.launch",
        description="Start several workers of a script on this machine.",
    )
    parser.add_argument("--workers", required=True, help="number of processes")
    parser.add_argument("--cpus-per-worker", help="CPUs that each worker may use; all by default")
    parser.add_argument(
        "--timeout",
        help="seconds after which a worker gives up peers that are gone (default: the environment "
        "variable KERAS_NEGACT_TIMEOUT, or 60)",
    )
    parser.add_argument(
        "--grace",
        default="30",
        help="seconds that workers have to end before SIGKILL (default: %(default)s)",
    )
    parser.add_argument(
        "--isolate",
        action="store_true",
        help="give the workers a network of their own, which nobody else reaches and from which "
        "they reach nobody (Linux)",
    )
    parser.add_argument("script", help="a Python script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    return parser


if __name__ == "__main__":
    sys.exit(main())
