"""The variants of LENI that the tests go through, and layers of each with drawn weights."""

import numpy as np

from keras_negact import LENI
from tests.support.backends import to_numpy

# One entry for each line of the tables of choices and, where two choices meet, for the pair.
VARIANTS = {
    "default": {},
    "five taps": {"kernel_size": 5},
    "bias": {"use_bias": True},
    "pointwise transform": {"transform": "pointwise"},
    "grouped transform": {"transform": "pointwise", "transform_groups": 2, "use_bias": True},
    "identity transform": {"transform": None},
    "pointwise compression": {"compression": "pointwise"},
    "grouped compression": {"compression": "pointwise", "groups": 2},
    "both pointwise": {"transform": "pointwise", "compression": "pointwise", "groups": 4},
    "more filters": {"compression": "pointwise", "filters": 6},
    "fewer filters in groups": {"compression": "pointwise", "filters": 2, "groups": 2},
    "sum": {"compression": "sum", "use_bias": True},
    "sum, identity transform": {"compression": "sum", "transform": None},
    "no compression": {"compression": None},
    "no compression, pointwise": {"compression": None, "transform": "pointwise", "use_bias": True},
    "no compression, identity": {"compression": None, "transform": None},
    "silu": {"activation": "silu"},
    "elu, pointwise compression": {"activation": "elu", "compression": "pointwise"},
    "tanh, no compression": {"activation": "tanh", "compression": None},
    "random": {"start": "random"},
    "leaky": {"start": "leaky"},
    "no gain": {"kernel_gain": 1.0},
    "gain, grouped transform": {
        "kernel_gain": 0.5,
        "transform": "pointwise",
        "transform_groups": 2,
        "use_bias": True,
    },
}
KEEPING_VARIANTS = {
    name: arguments
    for name, arguments in VARIANTS.items()
    if "filters" not in arguments and "start" not in arguments
}


def with_drawn_weights(input_shape, seed=0, layer_class=LENI, **arguments):
    """A built layer, none of whose weights has a value that hides a mistake."""
    layer = layer_class(**arguments)
    layer.build((None, *input_shape[1:]))
    draw_weights(layer, seed)
    return layer


def draw_weights(layer, seed=0):
    random = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(random.uniform(0.2, 1.5, size=weight.shape))


def weights_by_name(layer) -> dict:
    return {weight.name: to_numpy(weight) for weight in layer.weights}
