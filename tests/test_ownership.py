"""Who owns a folder, and that a crash leaves nobody owning it."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from keras_negact._ownership import FolderInUse, owned

HOLD = """
import importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("ownership", sys.argv[2])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with module.owned(sys.argv[1]):
    if os.fork() == 0:
        os.close(1)
        time.sleep(60)
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    source = sys.modules["keras_negact._ownership"].__file__
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", HOLD, tmp_path, source],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_second_owner_is_refused_with_who_holds_it(tmp_path, holder):
    with (
        pytest.raises(FolderInUse, match=rf"{tmp_path} is in use by process {holder.pid} on"),
        owned(tmp_path, patience=0.2),
    ):
        pass


def test_a_killed_owner_leaves_no_lock_behind_though_its_child_lives(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    with owned(tmp_path, patience=10):
        pass


def test_an_owner_that_is_about_to_end_is_waited_for(tmp_path, holder):
    began = time.monotonic()
    threading.Timer(1, os.kill, (holder.pid, signal.SIGKILL)).start()
    with owned(tmp_path, patience=30):
        assert 0.5 < time.monotonic() - began < 20


def test_one_process_owns_a_folder_once_and_parts_of_it_separately(tmp_path):
    with owned(tmp_path, name=".first"), owned(tmp_path, name=".second"):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".first", ".second"]
        with pytest.raises(FolderInUse), owned(tmp_path, name=".first", patience=0):
            pass
    assert not list(tmp_path.iterdir())
    with owned(tmp_path, name=".first", patience=0):
        pass


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(OSError, match="nothing"), owned(tmp_path / "nothing"):
        pass
