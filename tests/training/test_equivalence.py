"""Two workers, two mirrored replicas and one process alone train the same networks."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.support.processes import SCRIPTS, arrays, finish, read_json, start
from tests.support.worker_training import CASES, EPOCHS, train_all

OTHERS = tuple(sorted(CASES.keys() - {"leni"}))
# Adam's division amplifies the rounding of sums taken in another order.
TOLERANCES = {"relu": 1e-5, "leni": 1e-5, "on_off_relu": 1e-3}


@functools.cache
def alone(case):
    results, weights = train_all(tf.distribute.get_strategy(), [case])
    assert len(results[case]["losses"]) >= 20
    return results[case], weights


@pytest.fixture(
    scope="module",
    params=[
        ("multi_worker", ("leni",)),
        pytest.param(("mirrored", ("leni",)), marks=pytest.mark.slow),
        pytest.param(("multi_worker", OTHERS), marks=pytest.mark.slow),
        pytest.param(("mirrored", OTHERS), marks=pytest.mark.slow),
    ],
    ids=lambda param: "-".join([param[0], *param[1]]),
)
def together(request, tmp_path_factory):
    name, cases = request.param
    folder = tmp_path_factory.mktemp(name)
    launcher = ("-m", "keras_negact.launch", "--workers", 2) if name == "multi_worker" else ()
    status, output = finish(
        start(*launcher, SCRIPTS / "worker_training.py", name, folder, ",".join(cases))
    )
    assert status == 0, output
    return folder, cases


def test_losses_history_and_evaluation(together):
    folder, cases = together
    for case in cases:
        expected, found = alone(case)[0], read_json(folder / "results0.json")[case]
        tolerance = TOLERANCES[case]
        np.testing.assert_allclose(found["losses"], expected["losses"], rtol=tolerance)
        assert found["history"].keys() == expected["history"].keys()
        for name, values in expected["history"].items():
            assert len(found["history"][name]) == EPOCHS
            np.testing.assert_allclose(
                found["history"][name], values, atol=tolerance, err_msg=f"{case}: {name}"
            )
        for name, value in expected["evaluation"].items():
            assert abs(found["evaluation"][name] - value) <= tolerance, (case, name)


def test_weights(together):
    folder, cases = together
    found = arrays(folder / "weights0.npz")
    for case in cases:
        for name, value in alone(case)[1].items():
            np.testing.assert_allclose(
                found[name], value, rtol=0, atol=TOLERANCES[case], err_msg=name
            )


def test_all_workers_end_with_the_same_weights_to_the_last_bit(together):
    folder, _ = together
    if not (folder / "weights1.npz").exists():
        pytest.skip("the replicas of one process are compared in test_combinations.py")
    first, second = arrays(folder / "weights0.npz"), arrays(folder / "weights1.npz")
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert value.tobytes() == second[name].tobytes(), name
    assert read_json(folder / "results0.json") == read_json(folder / "results1.json")
