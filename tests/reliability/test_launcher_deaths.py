"""Workers whose launcher is killed, and their temporary folders."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from keras_negact import _parent
from keras_negact._worker_folder import worker_folder
from tests.support.processes import LAUNCHER, environment, start

SILENT_WORKER = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[1], str(os.getpid())).touch()
time.sleep(100)
"""


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def runs(process: int) -> bool:
    try:
        status = pathlib.Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def test_silent_workers_end_with_a_killed_launcher(tmp_path):
    script, seen = tmp_path / "silent.py", tmp_path / "seen"
    script.write_text(SILENT_WORKER)
    for delay in (None, 0.0, 0.05, 0.1, 0.2):
        seen.mkdir()
        launcher = start(*LAUNCHER, "--workers", 2, script, seen)
        try:
            if delay is None:
                wait_for(lambda: len(list(seen.iterdir())) == 2)
                workers = [int(path.name) for path in seen.iterdir()]
                assert all(map(runs, workers))
            else:
                # At any time of the start, too.
                time.sleep(delay)
        finally:
            launcher.kill()
            launcher.communicate()
        time.sleep(0.5)
        workers = [int(path.name) for path in seen.iterdir()]
        wait_for(lambda workers=workers: not any(map(runs, workers)), 2)
        for path in seen.iterdir():
            path.unlink()
        seen.rmdir()


STARTER = """
import subprocess, sys
from keras_negact import _parent
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""
CHILD = """
import os, sys, time
sys.argv = ["x"]
from keras_negact import _parent
if {without_kernel}:
    _parent._let_kernel_end = lambda: False
_parent.end_with_parent(os.getppid())
then = "import time; print(1, flush=True); time.sleep(99)"
os.execv(sys.executable, [sys.executable, "-c", then])
"""


@pytest.mark.slow
@pytest.mark.parametrize("without_kernel", [False, True])
def test_a_process_ends_with_its_parent_through_exec(without_kernel):
    child = CHILD.format(without_kernel=without_kernel)
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, child],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    process = int(starter.stdout.readline())
    assert starter.stdout.readline() == "1\n"
    time.sleep(1)
    assert runs(process)
    starter.kill()
    starter.wait()
    wait_for(lambda: not runs(process), 3)


def test_a_command_is_not_begun_when_its_parent_has_ended():
    command = [sys.executable, "-c", "print('began')"]
    whole = _parent.command_ending_with_parent(command)
    run = subprocess.run(whole, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "began\n")
    whole[whole.index(str(os.getpid()))] = "1"
    run = subprocess.run(whole, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (-signal.SIGKILL, "")


KILLED_WORKER = """
import sys
sys.argv = ["-m"]
sys.orig_argv = ["python", "-m", "keras_negact.launch"]
from keras_negact._worker_folder import worker_folder
import os, pathlib, time
with worker_folder() as folder:
    (folder / "0").mkdir()
    (folder / "0" / "model.keras").touch()
    print(folder, flush=True)
    time.sleep(100)
"""


def test_the_folder_of_a_killed_worker_is_removed_by_the_next_one_and_no_other(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    foreign = tmp_path / "keras_negact-worker-of-somebody"
    foreign.mkdir()
    (foreign / "file").touch()
    with contextlib.ExitStack() as processes:
        killed, alive = (
            processes.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", KILLED_WORKER],
                    stdout=subprocess.PIPE,
                    text=True,
                    env=environment(TMPDIR=str(tmp_path)),
                )
            )
            for _ in range(2)
        )
        processes.callback(alive.kill)
        folders = [pathlib.Path(each.stdout.readline().strip()) for each in (killed, alive)]
        killed.kill()
        killed.wait()
        assert folders[0].is_dir()
        with worker_folder() as own:
            assert not folders[0].exists()
            assert set(tmp_path.iterdir()) == {foreign, folders[1], own}
            assert (folders[1] / "0" / "model.keras").exists()
        assert set(tmp_path.iterdir()) == {foreign, folders[1]}
