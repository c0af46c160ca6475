"""What LENI refuses, and what it says then."""

import keras
import numpy as np
import pytest

from keras_negact import LENI

REFUSED_WHEN_MADE = {
    "activation name": ({"activation": "nope"}, "`activation`.*Received: 'nope'"),
    "activation class": ({"activation": keras.layers.PReLU}, "`activation`.*a Keras layer.*PReLU"),
    "activation number": ({"activation": 3}, "`activation`.*Received: 3"),
    "transform": ({"transform": "dense"}, "`transform`.*'depthwise', 'pointwise'.*'dense'"),
    "transform class": ({"transform": keras.layers.ReLU}, "`transform`.*ReLU"),
    "normalization": ({"normalization": "layer"}, "`normalization`.*'batch'.*Received: 'layer'"),
    "compression": ({"compression": "dense"}, "`compression`.*'channelwise'.*Received: 'dense'"),
    "compression layer": ({"compression": keras.layers.ReLU()}, "`compression` must be one of"),
    "start": ({"start": "zero"}, "`start`.*'keep', 'leaky', 'random'.*Received: 'zero'"),
    "data format": ({"data_format": "NHWC"}, "`data_format`.*'channels_last'.*Received: 'NHWC'"),
    "padding": ({"padding": "valid"}, "`padding`.*'same', 'causal'. Received: 'valid'"),
    "gain of nothing": ({"kernel_gain": 0}, "`kernel_gain`.*above 0. Received: 0"),
    "gain without a kernel": (
        {"kernel_gain": 2, "transform": None},
        "`kernel_gain` goes with.*'pointwise'.*Received: kernel_gain=2.0, transform=None",
    ),
    "slope": ({"slope": "steep", "start": "leaky"}, "`slope`.*finite number. Received: 'steep'"),
    "slope elsewhere": ({"slope": 0.1}, "start='leaky'.*Received: slope=0.1, start=None"),
    "bias": ({"use_bias": "yes"}, "`use_bias` must be True or False. Received: 'yes'"),
    "even kernel": ({"kernel_size": 4}, "`kernel_size` must be an odd.*Received: 4"),
    "kernel of nothing": ({"kernel_size": 0}, "`kernel_size`.*Received: 0"),
    "negative kernel": ({"kernel_size": -3}, "`kernel_size`.*Received: -3"),
    "kernel of a fraction": ({"kernel_size": 3.0}, "`kernel_size`.*Received: 3.0"),
    "even kernel on one axis": ({"kernel_size": (3, 2)}, r"`kernel_size`.*Received: \(3, 2\)"),
    "kernel of no axes": ({"kernel_size": ()}, r"`kernel_size`.*Received: \(\)"),
    "no groups": (
        {"compression": "pointwise", "groups": 0},
        "`groups` must be an integer of at least 1. Received: 0",
    ),
    "groups of filters": (
        {"compression": "pointwise", "filters": 5, "groups": 2},
        "`groups` must divide `filters`. Received: groups=2, filters=5",
    ),
    "groups elsewhere": ({"groups": 2}, "`groups`.*compression='pointwise'.*Received: groups=2"),
    "filters elsewhere": (
        {"filters": 8},
        "`filters`.*compression='pointwise'.*Received: filters=8, compression='channelwise'",
    ),
    "no filters": ({"compression": "pointwise", "filters": 0}, "`filters`.*Received: 0"),
    "transform groups elsewhere": (
        {"transform_groups": 2},
        "`transform_groups`.*transform='pointwise'.*Received: transform_groups=2",
    ),
    "negative transform groups": (
        {"transform": "pointwise", "transform_groups": -1},
        "`transform_groups` must be an integer of at least 1. Received: -1",
    ),
    "bias without a kernel": (
        {"transform": None, "use_bias": True},
        "`use_bias`.*'depthwise', 'pointwise'.*Received: use_bias=True, transform=None",
    ),
    "initializer name": ({"kernel_initializer": "nope"}, "nope"),
    "keep with an initializer": (
        {"start": "keep", "scale_initializer": "ones"},
        "start='keep'.*Received: scale_initializer. Allowed: start='random'",
    ),
    "keep with two": (
        {"start": "keep", "kernel_initializer": "ones", "bias_initializer": "ones"},
        "Received: kernel_initializer, bias_initializer",
    ),
}


@pytest.mark.parametrize("name", REFUSED_WHEN_MADE)
def test_refused_when_made(name):
    arguments, message = REFUSED_WHEN_MADE[name]
    with pytest.raises(ValueError, match=message):
        LENI(**arguments)


REFUSED_WHEN_BUILT = {
    "channels unknown": ({}, (None, 8, 8, None), "known number of channels.*None"),
    "channels unknown, first": (
        {"data_format": "channels_first"},
        (None, None, 8, 8),
        "known number of channels.*channels_first",
    ),
    "no channels": ({}, (None,), "a batch axis and a channel axis"),
    "causal in space": (
        {"padding": "causal"},
        (None, 5, 5, 3),
        "padding='causal' goes with one axis of time.*Received: 2 spatial axes",
    ),
    "too many axes": ({}, (None, 2, 2, 2, 2, 3), "up to three spatial axes. Received: 4"),
    "axes of the kernel": (
        {"kernel_size": (3, 3)},
        (None, 8, 4),
        r"`kernel_size`.*one entry for each spatial axis.*1. Received: \(3, 3\)",
    ),
    "groups": (
        {"compression": "pointwise", "groups": 3},
        (None, 8, 8, 4),
        "`groups` must divide.*Received: groups=3, channels=4",
    ),
    "transform groups": (
        {"transform": "pointwise", "transform_groups": 3},
        (None, 8, 8, 4),
        "`transform_groups` must divide.*Received: transform_groups=3, channels=4",
    ),
    "keep with another width": (
        {"compression": "pointwise", "filters": 6, "start": "keep"},
        (None, 8, 8, 4),
        "start='keep'.*Received: filters=6, channels=4. Allowed: start='random'",
    ),
    "transform changes the shape": (
        {"transform": keras.layers.MaxPooling2D()},
        (None, 8, 8, 4),
        r"`transform` must keep the shape.*\(None, 8, 8, 4\).*MaxPooling2D.*\(None, 4, 4, 4\)",
    ),
    "normalization changes the shape": (
        {"normalization": keras.layers.Flatten()},
        (None, 8, 8, 4),
        "`normalization` must keep the shape.*Flatten",
    ),
    "activation changes the shape": (
        {"activation": LENI(compression=None)},
        (None, 8, 8, 4),
        r"`activation` must keep the shape.*LENI.*\(None, 8, 8, 8\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED_WHEN_BUILT)
def test_refused_when_built(name):
    arguments, shape, message = REFUSED_WHEN_BUILT[name]
    with pytest.raises(ValueError, match=message):
        LENI(**arguments).build(shape)


def test_another_number_of_channels_than_built_for():
    layer = LENI()
    layer.build((None, 8, 8, 4))
    with pytest.raises(ValueError, match=r"expected axis -?[13] of input shape to have value 4"):
        layer(np.ones((1, 8, 8, 1), "float32"))
    with pytest.raises(ValueError, match="ndim"):
        layer(np.ones((1, 8, 4), "float32"))
