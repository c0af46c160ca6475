"""A network that died learns again after the swap, by a wide margin."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.support.backends import tensorflow_only
from tests.support.pictures import assert_is_picture
from tests.support.processes import ROOT, environment

pytestmark = tensorflow_only
SCRIPT = ROOT / "examples" / "revive_network.py"


def run(*options):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, options)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_swap_brings_a_dead_network_back(seed, tmp_path):
    finished = run("--seed", seed, "--output-dir", tmp_path)
    assert finished.returncode == 0, finished.stderr
    result = json.loads((tmp_path / "revival.json").read_text())
    assert max(result["before"]) > 0.9
    assert result["before"][-1] < 0.3
    assert result["largest_difference"] == 0
    dead, revived = (np.mean(result["after"][name]) for name in ("relu", "leni"))
    assert dead < 0.45
    assert revived > dead + 0.3
    assert_is_picture(tmp_path / "revival.png")
