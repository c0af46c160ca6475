"""A disk, small and real, that fills up in the middle of the work: one sentence, nothing lost."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.support.backends import tensorflow_only
from tests.support.processes import ROOT, SCRIPTS, environment

pytestmark = [pytest.mark.slow, tensorflow_only]
# In a namespace of its own, where everybody may mount.
ON_SMALL_DISK = 'mount -t tmpfs -o size=24m tmpfs "$1" && exec "$2" "$3" "$1"'


def mounting_is_allowed() -> bool:
    return shutil.which("unshare") is not None and not (
        subprocess.run(
            ["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True
        ).returncode
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    if not mounting_is_allowed():
        pytest.skip("needs mount namespaces")
    folder, script = tmp_path_factory.mktemp("small"), SCRIPTS / "on_full_disk.py"
    run = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", ON_SMALL_DISK, "sh", folder, sys.executable, script],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    line = next(line for line in run.stdout.splitlines() if line.startswith("FOUND "))
    return json.loads(line.removeprefix("FOUND "))


def test_training_goes_on_from_the_backup_before(found):
    assert "A backup could not be written (No space left on device)" in found["training"]["said"]
    assert "the one before is intact" in found["training"]["said"]
    assert found["training"]["difference"] <= 1e-6


def test_a_search_ends_before_it_writes_weights_and_goes_on(found):
    assert "MB left, and the next weights need" in found["search"]["said"]
    assert "start the search again: it goes on" in found["search"]["said"]
    assert found["search"]["finished"] == 3


def test_a_comparison_goes_on_from_what_is_there(found):
    assert "could not be written (No space left on device)" in found["comparison"]["said"]
    assert "goes on from what is there" in found["comparison"]["said"]
    assert found["comparison"]["same"]


@pytest.mark.parametrize("work", ["training", "search", "comparison"])
def test_one_sentence(found, work):
    assert "\n" not in found[work]["said"]
