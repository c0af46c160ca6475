"""README's command for a network of keras.applications prints what README shows."""

import re
import subprocess
import sys

import keras
import pytest

from keras_negact import LENI
from tests.support.backends import tensorflow_only
from tests.support.processes import ROOT, environment

pytestmark = tensorflow_only


def words(line: str) -> list[str]:
    return [word for word in line.split() if not set(word) <= set("-.")]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_readme_shows_what_it_prints_and_the_network_is_saved(tmp_path, backend):
    readme = (ROOT / "README.md").read_text()
    command = re.search(r"`python (examples/swap_applications\.py .* (\S+\.keras))`", readme)
    arguments = command[1].split()
    finished = subprocess.run(
        [sys.executable, str(ROOT / arguments[0]), *arguments[1:]],
        cwd=tmp_path,
        env=environment(KERAS_BACKEND=backend),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    shown = re.search(r"(?s)    site +function.*?saved to \S+", readme)[0].splitlines()
    assert len(shown) > 8
    printed = [words(line) for line in finished.stdout.splitlines()]
    assert [line for line in shown if words(line) not in printed] == []
    model = keras.saving.load_model(tmp_path / command[2])
    assert sum(isinstance(layer, LENI) for layer in model.layers) == 35
