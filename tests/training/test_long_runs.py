"""What a process holds does not grow with the epochs."""

import json
import sys

import pytest

from tests.support.long_run import EARLY, EPOCHS
from tests.support.processes import SCRIPTS, finish, start


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("strategy", ["none", "mirrored"])
def test_memory_and_open_files_stay(strategy, capsys):
    status, output = finish(start(SCRIPTS / "long_run.py", strategy))
    assert status == 0, output
    line = next(line for line in output.splitlines() if line.startswith("FOUND "))
    found = json.loads(line.removeprefix("FOUND "))
    early, late = found["megabytes"]
    # A fifth of what a leak of one batch an epoch would hold by then.
    assert late - early < (EPOCHS - EARLY) * found["batch"] / 5, found
    with capsys.disabled():
        print(f"\n{strategy}: {late - early:+.1f} MB from epoch {EARLY} to {EPOCHS}", flush=True)
    early, late = found["files"]
    assert late <= early, found
