"""All layers: integer inputs are refused, floating-point policies obeyed."""

import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU, RetinalOpponency
from tests.support.backends import to_numpy
from tests.support.leni_cases import VARIANTS, with_drawn_weights

LAYERS = [LENI, OnOffReLU, RetinalOpponency]
POLICIES = ["float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"]
ROUNDING = {"float16": 5e-3, "bfloat16": 4e-2, "float32": 1e-5, "float64": 1e-12}


@pytest.mark.parametrize("layer_class", LAYERS)
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_integer_inputs_are_refused(layer_class, dtype):
    message = f"floating-point feature maps.*Received: {dtype}.*Rescaling"
    with pytest.raises(ValueError, match=message):
        layer_class()(np.ones((1, 4, 4, 3), dtype))
    with pytest.raises(ValueError, match=message):
        layer_class()(keras.Input((4, 4, 3), dtype=dtype))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "name", ["default", "grouped transform", "grouped compression", "no compression", "silu"]
)
def test_leni_obeys_the_policy(policy, name):
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype("float32")
    exact = with_drawn_weights(x.shape, dtype="float64", **VARIANTS[name])
    layer = with_drawn_weights(x.shape, dtype=policy, **VARIANTS[name])
    assert_obeyed(layer, policy, x, to_numpy(exact(x)))


@pytest.mark.parametrize("policy", POLICIES)
def test_leni_with_batch_normalization_obeys_the_policy(policy):
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype("float32")
    exact = with_drawn_weights(x.shape, dtype="float64", normalization="batch")
    layer = with_drawn_weights(x.shape, dtype=policy, normalization="batch")
    assert_obeyed(layer, policy, x, to_numpy(exact(x)))
    assert layer.normalization_layer.compute_dtype == layer.compute_dtype


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("layer_class", [OnOffReLU, RetinalOpponency])
def test_the_others_obey_the_policy(policy, layer_class):
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 3)).astype("float32")
    assert_obeyed(layer_class(dtype=policy), policy, x, to_numpy(layer_class(dtype="float64")(x)))


def assert_obeyed(layer, policy, x, expected):
    computed_in = policy.removeprefix("mixed_")
    stored_in = "float32" if policy.startswith("mixed") else policy
    y = layer(x)
    assert keras.backend.standardize_dtype(y.dtype) == computed_in
    assert layer(keras.Input(x.shape[1:])).dtype == computed_in
    assert {weight.dtype for weight in layer.weights} <= {stored_in}
    tolerance = ROUNDING[computed_in]
    np.testing.assert_allclose(to_numpy(y), expected, rtol=tolerance, atol=2 * tolerance)


def test_inner_layers_of_another_precision_do_not_change_the_output():
    layer = LENI(
        activation=keras.layers.PReLU(dtype="float32"),
        transform=keras.layers.DepthwiseConv2D(3, padding="same", dtype="float32"),
        dtype="mixed_bfloat16",
    )
    y = layer(np.ones((1, 4, 4, 3), "float32"))
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"


def test_global_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, LENI(normalization="batch")(inputs))
    assert model.output.dtype == "bfloat16"
    assert {weight.dtype for weight in model.weights} == {"float32"}
