"""`fit` and `Backup` on JAX and PyTorch, without TensorFlow."""

import importlib.util
import json

import numpy as np
import pytest

from tests.support.processes import SCRIPTS, finish, start


def found_in(output: str) -> dict:
    line = next(line for line in output.splitlines() if line.startswith("FOUND "))
    return json.loads(line.removeprefix("FOUND "))


@pytest.mark.parametrize("backend", ["jax", pytest.param("torch", marks=pytest.mark.slow)])
def test_an_interrupted_run_goes_on(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    # Whoever wants to import TensorFlow is told that it isn't there.
    script = (
        "import runpy, sys; sys.modules['tensorflow'] = None; "
        f"runpy.run_path({str(SCRIPTS / 'backup_on_backend.py')!r}, run_name='__main__')"
    )
    status, output = finish(start("-c", script, KERAS_BACKEND=backend))
    assert status == 0, output
    found = found_in(output)
    assert found.pop("model_fit") <= 1e-6
    assert found.pop("averages") <= 1e-6
    assert len(found) == 6
    for name, one in found.items():
        assert one["difference"] <= 1e-6, name
        whole, resumed = one["losses"]
        np.testing.assert_allclose(resumed, whole, atol=1e-5, err_msg=name)
        assert len(set(whole)) == len(whole) == 3
