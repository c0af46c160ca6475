"""Folding of random graphs and of keras.applications: the same outputs, whatever the network."""

import os

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_negact import LENI, clone_with_activation
from tests.support.applications import NETWORKS, images, network
from tests.support.backends import to_numpy
from tests.support.folding import assert_folds, draw_all_weights, inputs_for
from tests.support.random_graphs import networks

EXAMPLES = int(os.environ.get("KERAS_NEGACT_RANDOM_GRAPHS", "15"))
TEMPLATES = (
    None,
    LENI(),
    LENI(normalization="batch", use_bias=True),
    LENI(transform="pointwise", normalization="batch"),
    LENI(transform=None),
    LENI(compression="pointwise", normalization="batch"),
    LENI(compression=None, normalization="batch"),
)


@pytest.mark.timeout(0)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="KERAS_NEGACT_RANDOM_GRAPHS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(model=networks(fronts=False), template=st.sampled_from(TEMPLATES))
@pytest.mark.filterwarnings("ignore:.*activations were left:UserWarning")
def test_random_graphs(model, template):
    if template is not None:
        model = clone_with_activation(model, template)
    draw_all_weights(model)
    x = inputs_for(model)
    largest = max(np.abs(y).max() for y in keras.tree.flatten(model.predict(x, verbose=0)))
    if np.isfinite(largest):
        assert_folds(model, x=x)


# Batch normalizations that stay, each behind an activation, a concatenation or a sum.
CHEAP = {"MobileNetV2": 0, "ResNet50": 0}


@pytest.mark.parametrize(
    "name",
    [name if name in CHEAP else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS],
)
def test_applications(name):
    source = network(name, include_top=False)
    for layer in source.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and layer.scale:
            # As drawn, the deepest networks make of a change by 1e-15 one by a quarter.
            layer.gamma.assign(0.6 * to_numpy(layer.gamma))
    model = clone_with_activation(source, LENI(), on_conflict="skip")
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, LENI):
            layer.positive_scale.assign(rng.uniform(0.8, 1.2, layer.positive_scale.shape))
            layer.kernel.assign(rng.normal(0, 0.05, layer.kernel.shape))
    _, plan = assert_folds(model, x=images(model))
    if name in CHEAP:
        assert plan.report.count("left") == CHEAP[name]
