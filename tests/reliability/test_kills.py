"""A hundred SIGKILLs at random moments, and nothing lost: `pytest -m slow tests/reliability`.

Each kind of work is begun, killed, and begun again with the same command, many times in a row, and
what comes out in the end is compared with that of work that nobody interrupted.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.support.backends import tensorflow_only
from tests.support.processes import ROOT, SCRIPTS, arrays, environment, finish, launch, start

pytestmark = [pytest.mark.slow, tensorflow_only, pytest.mark.timeout(7200)]
KILLS = {"train": 28, "mirrored": 4, "search": 42, "compare": 12}
KILLS_OF_LAUNCHER, KILLS_OF_TUNER = 10, 4


class Server:
    """The process that forks the lives of the work."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killed_work"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(TF_CPP_MIN_LOG_LEVEL="3"),
        )

    def live(self, job, folder, patience=None):
        """One life of the work: its exit status and what it printed.

        Args:
            job: the work.
            folder: where it goes on.
            patience: called once it has its process; returns the line to wait for (or `None`) and
                how many seconds from there it has to live. By default it lives to its end.
        """
        self._process.stdin.write(json.dumps([job, str(folder)]) + "\n")
        self._process.stdin.flush()
        printed = [self._line("pid ")]
        process = int(printed[0].split()[1])
        if patience is not None:
            wait_for, seconds = patience
            if wait_for:
                printed.append(self._line(wait_for, "ended "))
            if not printed[-1].startswith("ended "):
                time.sleep(seconds)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        while not printed[-1].startswith("ended "):
            printed.append(self._line(""))
        return int(printed[-1].split()[1]), printed

    def _line(self, *beginnings):
        for line in self._process.stdout:
            if line.startswith(beginnings):
                return line.rstrip("\n")
        raise AssertionError("the server has ended")

    def end(self):
        self._process.stdin.close()
        self._process.wait()


@pytest.fixture(scope="module")
def server():
    made = Server()
    yield made
    made.end()


def tell(capsys, what):
    with capsys.disabled():
        print(f"\n{what}", flush=True)


@pytest.mark.parametrize("job", KILLS)
def test_work_that_is_killed_again_and_again_ends_as_if_it_had_not_been(
    job, server, tmp_path, capsys
):
    moments = random.Random(job)
    whole = tmp_path / "whole"
    whole.mkdir()
    status, printed = server.live(job, whole)
    assert status == 0, printed
    expected = arrays(whole / "result.npz")
    kills = chains = 0
    while kills < KILLS[job]:
        chains += 1
        folder = tmp_path / f"chain{chains}"
        folder.mkdir()
        status = None
        while status != 0:
            patience = None
            if kills < KILLS[job]:
                # Mostly in the work itself, now and then before it has begun.
                early = moments.random() < 0.2
                patience = (None, moments.uniform(0, 3)) if early else ("begun", moments.random())
            status, printed = server.live(job, folder, patience)
            assert status in (0, -signal.SIGKILL), printed
            kills += status == -signal.SIGKILL
        found = arrays(folder / "result.npz")
        assert found.keys() == expected.keys()
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-6)
    tell(capsys, f"{job}: {kills} kills in {chains} chains, nothing lost")


def children_of(process):
    return [
        int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _parent_of(pid) == process.pid
    ]


def _parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return None


def read_lines(process, text, count):
    """Read the output until `count` lines held `text`: whether there were so many."""
    for line in process.stdout:
        count -= text in line
        if count <= 0:
            return True
    return False


def workers_of(launcher):
    """Its processes once all are there, in their order; none if it has ended."""
    while launcher.poll() is None:
        found = sorted(children_of(launcher))
        if len(found) == 2:
            return found
        time.sleep(0.02)
    return []


def test_launcher_and_workers_that_are_killed_again_and_again(tmp_path, capsys):
    moments = random.Random(0)
    status, output = finish(launch("crashing_worker.py", tmp_path / "whole"))
    assert status == 0, output
    expected = arrays(tmp_path / "whole" / "weights0.npz")
    kills = dict.fromkeys(("launcher", "worker 0", "worker 1"), 0)
    begun, chains, folder = 0, 0, None

    def end_of_chain():
        status, output = finish(launch("crashing_worker.py", folder))
        assert status == 0, output
        for worker in (0, 1):
            found = arrays(folder / f"weights{worker}.npz")
            assert found.keys() == expected.keys()
            for name in expected:
                np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-6)
            assert json.loads((folder / f"history{worker}.json").read_text()) == [0, 1, 2]

    while sum(kills.values()) < KILLS_OF_LAUNCHER:
        if folder is None:
            chains, folder = chains + 1, tmp_path / f"chain{chains}"
        victim = ("launcher", "launcher", "worker 0", "launcher", "worker 1")[begun % 5]
        process = launch("crashing_worker.py", folder, "1:0:0:slow", options=("--grace", "5"))
        # In the work itself, and now and then before it has begun.
        early = begun % 4 == 3
        begun += 1
        at_work = early or read_lines(process, "slow now", moments.randint(1, 4))
        workers = workers_of(process) if at_work else []
        time.sleep(moments.uniform(0, 1))
        if workers and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid if victim == "launcher" else workers[int(victim[-1])], 9)
        status, output = finish(process)
        if status == 0:
            # It came to its end before it was killed.
            end_of_chain()
            folder = None
            continue
        assert status == (-signal.SIGKILL if victim == "launcher" else 128 + signal.SIGKILL), output
        kills[victim] += 1
    if folder is not None:
        end_of_chain()
    tell(capsys, f"launch: kills of {kills} in {chains} chains, nothing lost")


def test_chief_and_workers_of_a_search_whose_parent_is_killed_again_and_again(tmp_path, capsys):
    moments = random.Random(1)
    command = (SCRIPTS / "searching_process.py", tmp_path, 6)
    finished = {}
    for _ in range(KILLS_OF_TUNER):
        process = start(*command)
        # Until something new has come: a trial that is killed three times is given up.
        deadline = time.monotonic() + 400
        while len(trials_in(tmp_path)) <= len(finished):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(moments.uniform(0, 2))
        process.kill()
        process.communicate()
        time.sleep(1)
        now = trials_in(tmp_path)
        assert finished.items() <= now.items()
        finished = now
    status, output = finish(start(*command))
    assert status == 0, output
    now = trials_in(tmp_path)
    assert finished.items() <= now.items()
    assert len(now) == 6
    tell(capsys, f"tune: {KILLS_OF_TUNER} kills of the parent, nothing lost or done twice")


def trials_in(folder):
    """The finished trials, with what is known of them."""
    found = {}
    for path in folder.glob("search/trial_*/trial.json"):
        try:
            trial = json.loads(path.read_text())
        except ValueError:
            continue
        if trial["status"] == "COMPLETED":
            found[path.parent.name] = (trial["score"], path.stat().st_mtime_ns)
    return found
