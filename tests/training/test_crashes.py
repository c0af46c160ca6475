"""Workers that are killed, stopped or left alone, and what is there when they are started again."""

import csv
import json
import re
import signal
import time

import pytest

from keras_negact._packing import unpack
from keras_negact.launch import free_ports
from keras_negact.training.backup_file import BackupFile
from tests.support.processes import (
    SCRIPTS,
    arrays,
    finish,
    largest_difference,
    launch,
    read_json,
    read_until,
    start,
)

EPOCHS = [0, 1, 2]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    status, output = finish(launch("crashing_worker.py", folder))
    assert status == 0, output
    return arrays(folder / "weights0.npz")


def resume(folder, uninterrupted):
    status, output = finish(launch("crashing_worker.py", folder))
    assert status == 0, output
    assert "Going on from the backup" in output
    for worker in (0, 1):
        weights = arrays(folder / f"weights{worker}.npz")
        assert largest_difference(weights, uninterrupted) <= 1e-6
        assert read_json(folder / f"history{worker}.json") == EPOCHS
    with (folder / "history.csv").open() as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == EPOCHS


@pytest.mark.slow
def test_killed_worker_is_named_in_a_sentence_and_the_run_goes_on_where_it_was(
    tmp_path, uninterrupted
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    began = time.monotonic()
    process = launch(
        "crashing_worker.py",
        tmp_path,
        "1:1:3:kill",
        options=("--timeout", 20),
        TMPDIR=str(temporary),
    )
    # Worker 0 may name its lost peer before the launcher says how that one ended.
    before = read_until(process, "worker 1 was ended by SIGKILL")
    killed = time.monotonic()
    status, after = finish(process)
    output = before + after
    assert status == 128 + signal.SIGKILL, output
    # Twice the timeout: TensorFlow's heartbeat and the watchdog, one after the other.
    assert time.monotonic() - killed < 40, f"after {killed - began:.0f} s of training"
    (sentence,) = re.findall(r"\] (Worker 0 lost worker 1 \(localhost:.*)\n", output)
    (kept,) = temporary.glob("keras_negact-traceback-*")
    assert sentence.endswith(f". The traceback is in {kept}.")
    assert "Traceback" not in output
    assert "Traceback" in kept.read_text()
    resume(tmp_path, uninterrupted)


@pytest.mark.slow
def test_chief_killed_while_it_writes_leaves_the_backup_before(tmp_path, uninterrupted):
    status, output = finish(launch("crashing_worker.py", tmp_path, "0:1:0:kill-writing"))
    assert status == 128 + signal.SIGKILL, output
    assert "lost worker 0 (localhost:" in output
    saved = unpack(BackupFile(tmp_path / "backup").read())
    assert (saved["epoch"], saved["step"]) == (1, 0)
    assert list((tmp_path / "backup").glob("unfinished_*"))
    resume(tmp_path, uninterrupted)
    assert not list((tmp_path / "backup").glob("unfinished_*"))


@pytest.mark.slow
def test_sigterm_to_the_launcher_stops_cleanly_with_a_backup(tmp_path, uninterrupted):
    process = launch("crashing_worker.py", tmp_path, "1:1:2:slow")
    read_until(process, "slow now")
    process.send_signal(signal.SIGTERM)
    status, output = finish(process)
    assert status == 128 + signal.SIGTERM, output
    assert "Stopped by SIGTERM at epoch 2" in output
    saved = unpack(BackupFile(tmp_path / "backup").read())
    assert saved["epoch"] == 1
    assert saved["step"] > 2
    resume(tmp_path, uninterrupted)


@pytest.mark.slow
def test_full_disk_ends_the_run_with_its_last_backup(tmp_path, uninterrupted):
    status, output = finish(launch("crashing_worker.py", tmp_path, "0:2:0:full"))
    assert status == 1, output
    assert "the one before is intact" in output
    assert unpack(BackupFile(tmp_path / "backup").read())["epoch"] == 2
    resume(tmp_path, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_peer_that_never_comes_up_is_named(tmp_path, index):
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    config = {
        "cluster": {"worker": addresses},
        "task": {"type": "worker", "index": index},
    }
    process = start(
        SCRIPTS / "crashing_worker.py",
        tmp_path,
        TF_CONFIG=json.dumps(config),
        KERAS_NEGACT_TIMEOUT="5",
    )
    status, output = finish(process, seconds=200)
    assert status != 0
    assert f"worker {1 - index} ({addresses[1 - index]}) within 5 seconds" in output
