import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from keras_negact.tuning.search.processes import (
    prepare_chief_address,
    run_chief_and_workers,
    tell_who_reaches_chief,
)
from tests.support import searching_process

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = pathlib.Path(searching_process.__file__)
TRIALS = 4


def start(folder):
    search_path = [str(ROOT), os.environ.get("PYTHONPATH")]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), str(TRIALS)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search_path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output_of(process):
    told = process.communicate()[0]
    assert process.returncode == 0, told
    return told


def wait_for(condition, process, seconds=500):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)


def children_of(process):
    tasks = pathlib.Path("/proc", str(process.pid), "task")
    return [int(pid) for file in tasks.glob("*/children") for pid in file.read_text().split()]


def name_of(pid):
    variables = pathlib.Path("/proc", str(pid), "environ").read_bytes().decode().split("\0")
    return dict(one.split("=", 1) for one in variables if "=" in one).get("KERASTUNER_TUNER_ID")


def times_of_finished(folder):
    files = (folder / "search").glob("trial_*/trial.json")
    return {
        file.parent.name: file.stat().st_mtime_ns
        for file in files
        if json.loads(file.read_text())["status"] == "COMPLETED"
    }


def ongoing_trials(folder):
    file = folder / "search" / "oracle.json"
    return json.loads(file.read_text())["ongoing_trials"] if file.exists() else {}


def has_begun(folder, name):
    trial = ongoing_trials(folder).get(name)
    return trial is not None and (folder / "search" / f"trial_{trial}" / "run.json").exists()


def begun_trials(folder):
    """The numbers of the trials that the chief gave to workers, each time it did."""
    told = re.findall(r"^Trial (\d+) begins", (folder / "chief.log").read_text(), re.M)
    return sorted(int(number) for number in told)


@pytest.mark.slow
def test_each_trial_is_run_once(tmp_path):
    told = output_of(start(tmp_path))
    assert begun_trials(tmp_path) == [0, 1, 2, 3]
    assert len(times_of_finished(tmp_path)) == TRIALS
    assert told.count(" has val_accuracy ") == TRIALS


@pytest.mark.slow
def test_a_lost_worker_is_started_again_and_gets_the_trial_that_it_lost(tmp_path):
    process = start(tmp_path)
    wait_for(lambda: has_begun(tmp_path, "tuner0"), process)
    lost_trial = int(ongoing_trials(tmp_path)["tuner0"])
    lost = next(pid for pid in children_of(process) if name_of(pid) == "tuner0")
    os.kill(lost, signal.SIGKILL)
    assert "Worker 0 was ended by SIGKILL; starting it again." in output_of(process)
    assert begun_trials(tmp_path) == sorted([0, 1, 2, 3, lost_trial])
    assert len(times_of_finished(tmp_path)) == TRIALS


@pytest.mark.slow
def test_killed_as_a_whole_the_search_goes_on_with_the_same_command(tmp_path):
    process = start(tmp_path)
    wait_for(lambda: times_of_finished(tmp_path), process)
    children = children_of(process)
    assert len(children) == 3
    for pid in [process.pid, *children]:
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    before = times_of_finished(tmp_path)
    output_of(start(tmp_path))
    after = times_of_finished(tmp_path)
    assert len(after) == TRIALS
    assert {name: after[name] for name in before} == before


@pytest.mark.slow
def test_chief_and_workers_end_with_their_parent(tmp_path):
    process = start(tmp_path)
    wait_for(lambda: has_begun(tmp_path, "tuner0"), process)
    children = children_of(process)
    process.kill()
    process.communicate()
    end = time.monotonic() + 30
    while any(pathlib.Path("/proc", str(pid)).exists() for pid in children):
        assert time.monotonic() < end
        time.sleep(0.1)


def python(code):
    return [sys.executable, "-c", code]


def test_workers_that_do_not_come_up_are_given_up_with_the_end_of_their_log(tmp_path, capsys):
    code = (
        "import os, sys, time\n"
        "if os.environ['KERASTUNER_TUNER_ID'] == 'chief': time.sleep(600)\n"
        "sys.exit('no such data')"
    )
    with pytest.raises(RuntimeError, match=r"again and again(.|\n)*no such data"):
        run_chief_and_workers(python(code), 2, tmp_path)
    assert "failed with the exit status 1; starting it again" in capsys.readouterr().out


def test_a_chief_that_ends_ends_the_search_with_the_end_of_its_log(tmp_path):
    code = (
        "import os, sys, time\n"
        "if os.environ['KERASTUNER_TUNER_ID'] == 'chief': sys.exit('no such folder')\n"
        "time.sleep(600)"
    )
    with pytest.raises(RuntimeError, match=r"chief has ended(.|\n)*no such folder"):
        run_chief_and_workers(python(code), 1, tmp_path)


def test_workers_have_names_an_address_and_a_gpu_each(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    code = (
        "import os, pathlib, sys, time\n"
        "name = os.environ['KERASTUNER_TUNER_ID']\n"
        "told = [os.environ.get(key, '') for key in ('KERASTUNER_ORACLE_PORT',"
        " 'CUDA_VISIBLE_DEVICES', 'TF_FORCE_GPU_ALLOW_GROWTH')]\n"
        "pathlib.Path(sys.argv[1], name).write_text(' '.join(told))\n"
        "time.sleep(600 if name == 'chief' else 0)"
    )
    run_chief_and_workers([*python(code), str(tmp_path)], 3, tmp_path / "logs", gpus=2)
    told = [(tmp_path / f"tuner{index}").read_text().split() for index in range(3)]
    assert len({port for port, *_ in told}) == 1
    assert [rest for _, *rest in told] == [["0", "true"], ["1", "true"], ["0", "true"]]


def test_a_chief_that_ends_with_0_has_finished_though_a_worker_never_came_up(tmp_path):
    code = "import os, sys, time\nif os.environ['KERASTUNER_TUNER_ID'] != 'chief': time.sleep(600)"
    start_time = time.monotonic()
    run_chief_and_workers(python(code), 2, tmp_path)
    assert time.monotonic() - start_time < 300


def test_a_chief_listens_on_this_machine_alone_unless_an_address_is_given(monkeypatch, capsys):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "8000")
    # So that what is there now is put back afterwards.
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "")
    for given, used in ((None, "127.0.0.1"), ("", "127.0.0.1"), ("10.0.0.1", "10.0.0.1")):
        if given is None:
            monkeypatch.delenv("KERASTUNER_ORACLE_IP", raising=False)
        else:
            monkeypatch.setenv("KERASTUNER_ORACLE_IP", given)
        prepare_chief_address()
        assert os.environ["KERASTUNER_ORACLE_IP"] == used
        tell_who_reaches_chief()
        told = "listens on 10.0.0.1 without a password" in capsys.readouterr().out
        assert told == (used == "10.0.0.1")


@pytest.mark.parametrize(("workers", "name"), [(0, "workers"), (2.5, "workers"), (True, "workers")])
def test_bad_numbers_of_workers_are_refused(workers, name, tmp_path):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer"):
        run_chief_and_workers(["true"], workers, tmp_path)


@pytest.mark.parametrize(("verbose", "shown"), [(1, "Trial 0 begins: \n"), (0, "")])
def test_what_the_chief_says_is_shown_unless_it_is_to_be_silent(verbose, shown, tmp_path, capsys):
    says = [sys.executable, "-c", "print('Trial 0 begins: ')"]
    run_chief_and_workers(says, 1, tmp_path, verbose=verbose)
    assert capsys.readouterr() == (shown.replace(": ", ":"), "")
    assert "Trial 0 begins: " in (tmp_path / "chief.log").read_text()
