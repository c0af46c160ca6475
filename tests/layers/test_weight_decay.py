"""Which variables weight decay leaves alone, and that it does."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI, OnOffReLU, RetinalOpponency
from keras_negact.layers import weights_without_decay
from tests.support.backends import to_numpy

SPARED = {
    "retina/log_center_sigma",
    "retina/log_surround_sigma",
    "convolution/bias",
    "norm/gamma",
    "norm/beta",
    "leni/bias",
    "leni/positive_scale",
    "leni/negative_scale",
    "leni/normalization/gamma",
    "leni/normalization/beta",
    "prelu/alpha",
    "nested/inner/bias",
    "attention/query/bias",
    "attention/key/bias",
    "attention/value/bias",
    "attention/attention_output/bias",
    "gru/gru_cell/bias",
    "bias_by_name_alone/bias",
    "scale_by_name_alone/bias",
}
DECAYED = {
    "convolution/kernel",
    "leni/kernel",
    "nested/inner/kernel",
    "attention/query/kernel",
    "attention/key/kernel",
    "attention/value/kernel",
    "attention/attention_output/kernel",
    "gru/gru_cell/kernel",
    "gru/gru_cell/recurrent_kernel",
    "bias_by_name_alone/kernel",
    "scale_by_name_alone/kernel",
}


def network():
    images = keras.Input((6, 6, 3))
    x = RetinalOpponency(learnable=True, name="retina")(images)
    x = layers.Conv2D(4, 3, name="convolution")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = LENI(normalization="batch", use_bias=True, name="leni")(x)
    x = layers.PReLU(name="prelu")(x)
    x = keras.Sequential([layers.Dense(4, name="inner")], name="nested")(x)
    x = OnOffReLU()(x)
    x = layers.Reshape((16, 8))(x)
    x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    x = layers.GRU(3, name="gru")(x)
    # Names that a list of words would fall for; kernels of one output are kernels.
    x = layers.Dense(1, name="bias_by_name_alone")(x)
    return keras.Model(images, layers.Dense(2, name="scale_by_name_alone")(x))


def test_spares_what_is_no_kernel():
    model = network()
    spared = [variable.path for variable in weights_without_decay(model)]
    assert set(spared) == SPARED
    assert len(spared) == len(SPARED)
    assert {variable.path for variable in model.trainable_variables} == SPARED | DECAYED


def test_what_is_frozen_is_not_listed():
    model = network()
    model.get_layer("leni").trainable = False
    left = {path for path in SPARED if not path.startswith("leni/")}
    assert {variable.path for variable in weights_without_decay(model)} == left


def test_decay_leaves_it_alone():
    layer = LENI(use_bias=True, start="random", bias_initializer="ones")
    layer.build((None, 4, 4, 3))
    before = {weight.name: to_numpy(weight).copy() for weight in layer.weights}
    optimizer = keras.optimizers.SGD(0.5, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_list=weights_without_decay(layer))
    optimizer.build(layer.trainable_variables)
    optimizer.apply([keras.ops.zeros(weight.shape) for weight in layer.trainable_variables])
    for weight in layer.weights:
        left = 0.95 if weight.name == "kernel" else 1
        np.testing.assert_allclose(to_numpy(weight), left * before[weight.name], rtol=1e-6)


@pytest.mark.parametrize("given", [LENI(), keras.Sequential([layers.Dense(2)]), "leni", None])
def test_refuses_what_has_no_variables_yet(given):
    with pytest.raises(ValueError, match=r"`layer` must be.*Received"):
        weights_without_decay(given)
