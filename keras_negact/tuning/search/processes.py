"""keras-tuner's chief and workers as processes on this machine."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

from keras_negact import _checks
from keras_negact._parent import command_ending_with_parent
from keras_negact.launch import free_ports

_LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.2
_MOST_DEATHS = 5


def run_chief_and_workers(
    command: Sequence[str],
    workers: int,
    directory: str | os.PathLike,
    gpus: int = 0,
    *,
    verbose: str | int = 1,
) -> None:
    """Run a script as the chief and the workers of a search, until the search is at its end.

    The script finds in keras-tuner's environment variables which of them it is, so it may start
    itself where `KERASTUNER_TUNER_ID` is not set; each process makes the tuner and calls its
    `search`. They end when this process does, however it ends. A worker that ends
    before the search does is started again under its own name, so that the chief gives it the trial
    that it has lost. What they print goes to `chief.log`, `tuner0.log`, `tuner1.log` and so on.

    Args:
        command: of the script, with its arguments.
        workers: how many.
        directory: for the logs.
        gpus: how many GPUs there are. Each worker gets one; if there are fewer than workers, they
            share.
        verbose: 0: print nothing. 1, 2 or `"auto"`: what the chief says of trials, and which worker
            is started again.

    Raises:
        ValueError: when an argument is not allowed.
        RuntimeError: if the chief fails, or the workers end again and again without finishing
            trials; with the end of a log. Start it again to go on.

    Examples:
        >>> import sys
        >>> run_chief_and_workers([sys.executable, "-c", "pass"], workers=1, directory="logs")
    """
    command = _checked_command(command)
    workers, gpus = _checks.integer("workers", workers, 1), _checks.integer("gpus", gpus, 0)
    verbose = _checks.verbosity(verbose)
    directory = _checks.writable_folder("directory", directory)
    with _sigterm_as_exit(), contextlib.ExitStack() as running:
        search = _Search(command, directory, workers, gpus, free_ports(1)[0], verbose)
        running.callback(search.kill)
        search.run()


def _checked_command(command) -> list[str]:
    is_list = isinstance(command, (list, tuple)) and all(isinstance(part, str) for part in command)
    program = shutil.which(command[0]) if is_list and command else None
    if program is None:
        allowed = "a list of strings: a program that is there, and its arguments"
        raise _checks.refused("command", allowed, command)
    return [program, *command[1:]]


def is_worker() -> bool:
    """Whether keras-tuner's environment variables make this process a worker of a chief."""
    name = os.environ.get("KERASTUNER_TUNER_ID", "")
    return bool(os.environ.get("KERASTUNER_ORACLE_IP")) and bool(name) and "chief" not in name


def prepare_chief_address() -> None:
    """Have a chief listen on this machine alone unless an address is given.

    An empty address would be that of all of its interfaces.
    """
    if "KERASTUNER_TUNER_ID" in os.environ and "KERASTUNER_ORACLE_PORT" in os.environ:
        os.environ["KERASTUNER_ORACLE_IP"] = os.environ.get("KERASTUNER_ORACLE_IP") or _LOOPBACK


def tell_who_reaches_chief() -> None:
    """Say it where a chief listens to other machines."""
    address = os.environ.get("KERASTUNER_ORACLE_IP", _LOOPBACK)
    if not address.startswith("127.") and address not in ("localhost", "::1", "[::1]"):
        print(
            f"The chief listens on {address} without a password: whoever reaches that address can "
            "take part in the search. Keep it in a private network.",
            flush=True,
        )


class _Search:
    def __init__(self, command, directory, workers, gpus, port, verbose):
        self.command = command_ending_with_parent(command)
        self.directory, self.gpus, self.port, self.verbose = directory, gpus, port, verbose
        self.workers = workers
        self.names = [f"tuner{index}" for index in range(workers)]
        self.processes: dict[str, subprocess.Popen] = {}
        self.trials_begun = self.trials_ended = 0

    def run(self) -> None:
        self.processes["chief"] = self._start("chief", gpu=None)
        self.reader = threading.Thread(target=self._show, daemon=True)
        self.reader.start()
        for index, name in enumerate(self.names):
            self.processes[name] = self._start(name, self._gpu(index))
        self._wait()

    def _wait(self) -> None:
        deaths, seen = 0, 0
        while True:
            chief = self.processes["chief"].poll()
            # The chief ends with 0 once no trial is left, though a worker may not have come up yet.
            if chief == 0 or all(self.processes[name].poll() == 0 for name in self.names):
                # The chief would look for that every 20 seconds only; its files are written.
                self.kill()
                self.reader.join(timeout=5)
                return
            if chief is not None:
                raise RuntimeError(f"The chief has ended. {self._end_of_log('chief')}")
            for index, name in enumerate(self.names):
                status = self.processes[name].poll()
                if status is None or status == 0:
                    continue
                deaths = deaths + 1 if self.trials_ended == seen else 1
                seen = self.trials_ended
                if deaths > _MOST_DEATHS:
                    raise RuntimeError(f"Workers end again and again. {self._end_of_log(name)}")
                self._say(f"Worker {index} {_how(status)}; starting it again.")
                self.processes[name] = self._start(name, self._gpu(index))
            time.sleep(_POLL_SECONDS)

    def _start(self, name: str, gpu: str | None) -> subprocess.Popen:
        environment = {
            **os.environ,
            "KERASTUNER_TUNER_ID": name,
            "KERASTUNER_ORACLE_IP": _LOOPBACK,
            "KERASTUNER_ORACLE_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }
        if name == "chief":
            environment["CUDA_VISIBLE_DEVICES"] = "-1"
        elif gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpu
            if self.workers > self.gpus:
                environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        with open(self._log(name), "ab") as log:
            return subprocess.Popen(
                self.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if name == "chief" else log,
                stderr=log,
                # Ctrl-C reaches them through this process alone.
                start_new_session=True,
            )

    def _gpu(self, index: int) -> str | None:
        if not self.gpus:
            return None
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = visible.split(",") if visible else [str(number) for number in range(self.gpus)]
        return names[index % len(names)]

    def _show(self) -> None:
        with open(self._log("chief"), "ab", buffering=0) as log:
            for line in self.processes["chief"].stdout:
                log.write(line)
                text = line.decode(errors="replace").rstrip()
                is_about_trial = text.startswith("Trial ")
                self.trials_begun += is_about_trial and " begins: " in text
                self.trials_ended += is_about_trial and " begins: " not in text
                # From the first trial on keras-tuner prints values of conditions in between.
                if is_about_trial or not self.trials_begun:
                    self._say(text)

    def _say(self, what: str) -> None:
        if self.verbose:
            print(what, flush=True)

    def _log(self, name: str) -> pathlib.Path:
        return self.directory / f"{name}.log"

    def _end_of_log(self, name: str) -> str:
        lines = self._log(name).read_text(errors="replace").splitlines()[-15:]
        return "\n".join([f"The end of {self._log(name)}:", *lines])

    def kill(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _how(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"failed with the exit status {status}"


@contextlib.contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that no process is left behind."""
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
