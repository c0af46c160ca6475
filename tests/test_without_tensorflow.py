"""Where TensorFlow is missing, all but its own works; `.ci/backend` says the same in environments
that have none."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).parent / "support" / "without_tensorflow.py"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_all_but_tensorflows_own_works_without_it(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    root = SCRIPT.parents[2]
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(root)}
    run = subprocess.run(
        [sys.executable, SCRIPT], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "what_needs_tensorflow_says_so" in run.stdout


def test_importing_every_module_but_tensorflows_own_needs_no_tensorflow():
    check = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from keras_negact import analysis, comparison, datasets, layers, models, surgery\n"
        "from keras_negact.training import *\n"
    )
    environment = os.environ | {"KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", check], env=environment, check=True)
