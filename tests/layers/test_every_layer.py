"""What every layer must do, for one use of each."""

import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU, RetinalOpponency
from keras_negact.layers.rivals import FilteredReLU, FunnelReLU
from tests.support.layer_tests import run_layer_test

CASES = {
    "leni": (LENI, {"use_bias": True}, (2, 5, 6, 4), (2, 5, 6, 4)),
    "leni, gain": (LENI, {"kernel_gain": 2, "start": "random"}, (2, 5, 4), (2, 5, 4)),
    "leni, causal": (LENI, {"padding": "causal"}, (2, 7, 4), (2, 7, 4)),
    "leni, leaky": (LENI, {"start": "leaky", "slope": 0.1}, (3, 4), (3, 4)),
    "leni, no compression": (LENI, {"compression": None}, (2, 3, 4, 5, 4), (2, 3, 4, 5, 8)),
    "leni, filters": (
        LENI,
        {"compression": "pointwise", "filters": 6, "groups": 2, "normalization": "batch"},
        (2, 5, 5, 4),
        (2, 5, 5, 6),
    ),
    "on_off_relu": (OnOffReLU, {"max_value": 6}, (2, 5, 5, 4), (2, 5, 5, 8)),
    "retina": (RetinalOpponency, {}, (2, 9, 8, 3), (2, 9, 8, 12)),
    "retina, luminance": (
        RetinalOpponency,
        {"luminance": True, "learnable": True, "scales": 2},
        (2, 9, 8, 3),
        (2, 9, 8, 12),
    ),
    "funnel": (FunnelReLU, {}, (2, 5, 6, 4), (2, 5, 6, 4)),
    "filtered": (FilteredReLU, {}, (2, 5, 4), (2, 5, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_does_what_a_layer_must(name):
    run_layer_test(*CASES[name])


@pytest.mark.parametrize("layer", [LENI, OnOffReLU, RetinalOpponency])
def test_takes_one_tensor(layer):
    x = np.zeros((1, 4, 4, 3), "float32")
    for given in ([x, x], {"images": x}):
        with pytest.raises(ValueError, match=r"takes one tensor. Received"):
            layer()(given)
