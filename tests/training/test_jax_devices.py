"""JAX with several devices: trains as one would, or says which sizes of batches fit."""

import importlib.util
import json

import pytest

from tests.support.processes import SCRIPTS, finish, start


@pytest.fixture(scope="module")
def found():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    flags = "--xla_force_host_platform_device_count=2"
    process = start(SCRIPTS / "jax_devices.py", KERAS_BACKEND="jax", XLA_FLAGS=flags)
    status, output = finish(process)
    assert status == 0, output
    line = next(line for line in output.splitlines() if line.startswith("FOUND "))
    return json.loads(line.removeprefix("FOUND "))


def test_even_batches_train_as_on_one_device(found):
    assert found["devices"] == 2
    for name, (difference, devices) in found["even"].items():
        assert difference <= 1e-6, name
        assert devices == 2, name
        assert found["backup"][name] <= 1e-6, name


def test_uneven_batches_are_refused_before_the_first_step(found):
    assert found["uneven"].keys() == {
        "batch", "last batch", "split", "steps", "PyDataset", "function", "validation"
    }  # fmt: skip
    for name, (reason, steps) in found["uneven"].items():
        assert "JAX needs batches of a multiple of 2 examples" in reason, name
        assert steps == 0, name
    assert "batches of [13]" in found["uneven"]["batch"][0]
    assert "batches of [1]" in found["uneven"]["last batch"][0]
    assert "in `validation_data` batches of [9]" in found["uneven"]["validation"][0]
