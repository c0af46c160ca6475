"""A user's script passes `mypy --strict`."""

import os
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("mypy")
HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]


def checked(script: pathlib.Path, cache: pathlib.Path) -> subprocess.CompletedProcess:
    # What the package does inside is its own affair, as it is where it comes from a wheel.
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    command += ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(cache)]
    environment = os.environ | {"MYPYPATH": str(ROOT)}
    return subprocess.run(
        [*command, str(script)], cwd=cache, env=environment, capture_output=True, text=True
    )


def test_a_users_script_passes_and_a_wrong_one_does_not(tmp_path):
    right = checked(HERE / "user_script.py", tmp_path)
    assert right.returncode == 0, right.stdout
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from keras_negact.models import cifar_resnet\ncifar_resnet(depth='eight')\n")
    result = checked(wrong, tmp_path)
    assert result.returncode == 1
    assert "[arg-type]" in result.stdout
