"""Precision, XLA, losses and callbacks under `MirroredStrategy`: what goes and what is refused."""

import json

import numpy as np
import pytest

from tests.support.own_steps import X
from tests.support.processes import SCRIPTS, finish, start


@pytest.fixture(scope="module")
def found():
    status, output = finish(start(SCRIPTS / "mirrored_checks.py"))
    assert status == 0, output
    line = next(line for line in output.splitlines() if line.startswith("FOUND "))
    return json.loads(line.removeprefix("FOUND "))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_trains_and_keeps_the_replicas_alike(found, policy):
    losses = found[policy]["losses"]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    # Dropout's random state and unsynchronized moving statistics included.
    assert not found[policy]["copies_differ"]
    assert any(found[policy]["moving_mean"])


def test_overflow_of_the_loss_scale_is_seen_by_both_replicas(found):
    assert found["scale"] < 2.0**24


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("jit_compile", "wait for each other for ever"),
        ("reduction", "Received: 'sum'"),
        ("callback", "keras_negact.training.Backup"),
        ("generator", "Several replicas need arrays"),
        ("accumulation", "Gradient accumulation doesn't go with several replicas"),
    ],
)
def test_refused_with_the_reason(found, what, reason):
    assert reason in found["refused"][what]


def test_plain_values_of_an_own_step_are_means_over_the_replicas(found):
    history = found["own_steps"]["PlainValues"]
    # As Keras does with what is no metric: the values of the epoch's last step.
    np.testing.assert_allclose(history["first"], [X[-1, 0]] * 3, rtol=1e-6)
    np.testing.assert_allclose(history["second"], [X[-1, 1] + 5] * 3, rtol=1e-6)


@pytest.mark.parametrize("kind", ["function", "compute_loss", "test_step"])
def test_losses_of_one_number_are_summed_over_the_replicas_as_keras_does(found, kind):
    (history, weights), (of_keras, its_weights) = (
        found["one_number"][kind][name] for name in ("fit", "Model.fit")
    )
    np.testing.assert_allclose(weights, its_weights, rtol=1e-5)
    assert history.keys() == of_keras.keys() >= {"loss", "val_loss"}
    for name, values in of_keras.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5, err_msg=name)


def test_results_are_in_the_order_of_keras_and_of_as_many_examples(found):
    for ours, of_keras in found["evaluated"]:
        assert [np.shape(one) for one in ours] == [np.shape(one) for one in of_keras]
        for one, other in zip(ours, of_keras, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)


def test_models_with_a_step_of_their_own_train(found):
    history = found["own_steps"]
    assert history["Encoding"]["error"][-1] < history["Encoding"]["error"][0]
    assert history["Adversarial"]["judged"][-1] < history["Adversarial"]["judged"][0]
