"""Several steps before anybody is told, on replicas: the run of one step at a time."""

import json

import numpy as np
import pytest

from tests.support.processes import SCRIPTS, finish, launch, start

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["mirrored", "multi_worker"])
def found(request, tmp_path_factory):
    if request.param == "mirrored":
        process = start(SCRIPTS / "steps_at_once.py", "mirrored")
    else:
        folder = tmp_path_factory.mktemp("together")
        process = launch("steps_at_once.py", "multi_worker", folder)
    status, output = finish(process)
    assert status == 0, output
    line = next(line for line in output.splitlines() if "FOUND " in line)
    return json.loads(line.partition("FOUND ")[2])


@pytest.mark.parametrize("kind", ["arrays", "too_few"])
def test_same_weights_and_history_interrupted_or_not(found, kind):
    assert found[kind]["weights"] <= 1e-6
    assert found[kind]["history"] <= 1e-6
    assert found[kind]["resumed"] <= 1e-6


def test_callbacks_are_told_of_groups(found):
    # 6 steps an epoch, four at once.
    assert found["arrays"]["begun"] == [0, 4] * 3
    assert found["arrays"]["ended"] == [3, 5] * 3
    # 5 steps of an epoch, but for the second one, for which a pass of 6 has one left.
    assert found["too_few"]["begun"] == [0, 4, 0, 0, 4]
    assert found["too_few"]["ended"] == [3, 4, 0, 3, 4]


def test_what_an_own_step_returns_is_that_of_the_last_step(found):
    alone, together = found["own_values"]
    assert alone.keys() == together.keys()
    for name, values in alone.items():
        np.testing.assert_allclose(together[name], values, rtol=1e-6)


def test_refused_where_each_worker_has_data_of_its_own(found):
    assert "compile with `steps_per_execution=1`" in found["divided"]
