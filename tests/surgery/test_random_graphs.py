"""Random networks: after a swap each computes what it computed, or is refused with a reason.

A few dozen of them by default. Thousands, drawn anew each time:

    KERAS_NEGACT_RANDOM_GRAPHS=3000 python -m pytest tests/surgery/test_random_graphs.py
"""

import os

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from keras_negact import LENI, OnOffReLU, plan_activation_swap
from tests.support.backends import to_numpy
from tests.support.random_fronts import examples_for
from tests.support.random_graphs import networks

EXAMPLES = int(os.environ.get("KERAS_NEGACT_RANDOM_GRAPHS", "30"))
patiently = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="KERAS_NEGACT_RANDOM_GRAPHS" not in os.environ,
    suppress_health_check=list(HealthCheck),
    # Shrinking builds hundreds of networks to make one of twelve layers a little smaller.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def outputs(model, x):
    return [to_numpy(y).astype("float64") for y in keras.tree.flatten(model(x))]


def assert_same(first, second):
    for y, z in zip(first, second, strict=True):
        assert y.shape == z.shape
        assert np.abs(y - z).max() <= 1e-4 * np.abs(y).max() + 1e-12


@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("ignore:.*not support masking:UserWarning")
@patiently
@given(model=networks(), how=st.sampled_from(["skip", "compress", "raise"]), data=st.data())
def test_swap_keeps_the_function(model, how, data):
    template = data.draw(
        st.sampled_from(["leni", "on_off_relu", "on_off_relu", LENI(compression=None)])
    )
    x = examples_for(model)
    before = outputs(model, x)
    if how == "raise" and plan_activation_swap(model, template).report.count("skip"):
        with pytest.raises(ValueError, match="The width cannot change"):
            plan_activation_swap(model, template, on_conflict=how)
        return
    plan = plan_activation_swap(model, template, on_conflict=how)
    clone = plan.apply()
    assert_same(before, outputs(clone, x))
    assert plan.report.after.parameters == clone.count_params()
    assert how != "compress" or not plan.report.count("skip")
    for y, z in zip(outputs(model, x), before, strict=True):
        np.testing.assert_array_equal(y, z)


@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("ignore:.*not support masking:UserWarning")
@patiently
@given(model=networks(), how=st.sampled_from(["skip", "compress"]))
def test_halved_channels_keep_the_shapes(model, how):
    x = examples_for(model)
    before = outputs(model, x)
    plan = plan_activation_swap(model, OnOffReLU(), channels="halve", on_conflict=how)
    clone = plan.apply()
    for y, z in zip(before, outputs(clone, x), strict=True):
        assert y.shape == z.shape
        assert np.isfinite(z).all()
    assert plan.report.after.parameters == clone.count_params()
