"""LENI: what is left of it, and where its scales go."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI, fold_for_inference
from tests.support.backends import to_numpy
from tests.support.folding import IMAGES, assert_folds, draw_all_weights, model_of, paths_of

CHANNELWISE = {
    "default": {},
    "five taps, bias": {"kernel_size": 5, "use_bias": True},
    "gain": {"kernel_gain": 3.0},
    "pointwise": {"transform": "pointwise"},
    "grouped": {"transform": "pointwise", "transform_groups": 2, "use_bias": True},
    "identity": {"transform": None},
    "normalized": {"normalization": "batch"},
    "normalized identity": {"transform": None, "normalization": "batch"},
    "normalized pointwise": {"transform": "pointwise", "normalization": "batch", "use_bias": True},
    "normalized by a layer": {"normalization": layers.BatchNormalization(center=False)},
    "leaky": {"activation": layers.LeakyReLU(0.2)},
    "prelu": {"activation": layers.PReLU(shared_axes=[1, 2])},
}


@pytest.mark.parametrize("name", CHANNELWISE)
@pytest.mark.parametrize("into", ["front", "behind", "normalization", "nothing"])
def test_channelwise_leni_keeps_one_kernel(name, into):
    block = LENI.from_config(LENI(**CHANNELWISE[name]).get_config())
    stacks = {
        "front": [layers.Conv2D(4, 3), block, layers.MaxPooling2D(2)],
        "behind": [layers.MaxPooling2D(2), block, layers.AveragePooling2D(2), layers.Conv2D(3, 1)],
        "normalization": [layers.ReLU(), layers.BatchNormalization(), block],
        "nothing": [layers.MaxPooling2D(2), block, layers.MaxPooling2D(2)],
    }
    # The branch is to be seen on both sides of zero.
    shift = layers.Rescaling(1.0, offset=-0.5)
    model = model_of(layers.Dense(4), shift, *stacks[into])
    folded, plan = assert_folds(model)
    (left,) = (layer for layer in folded.layers if isinstance(layer, LENI))
    (site,) = (site for site in plan.sites if site.function == "leni")
    assert site.action == "fold"
    assert left.normalization is None
    assert left.kernel_gain == 1
    if into == "nothing":
        assert "its positive scale stays" in site.reason
        assert left.compression == "channelwise"
        np.testing.assert_array_equal(to_numpy(left.negative_scale), 1)
    else:
        assert left.compression == "sum"
        assert left.positive_scale is None
        assert left.negative_scale is None
        assert site.into


@pytest.mark.parametrize("activation", ["silu", "relu6", "elu", "gelu"])
def test_only_homogeneous_activations_let_a_scale_go_in_front(activation):
    stack = [layers.Conv2D(4, 3), LENI(activation)]
    _, plan = assert_folds(model_of(*stack, layers.Conv2D(3, 3, padding="same")))
    assert plan.sites[0].into.startswith("conv2d")
    assert plan.sites[0].into != stack[0].name
    _, plan = assert_folds(model_of(layers.Conv2D(4, 3), LENI(activation)))
    assert f"{activation}(p x) is not p {activation}(x)" in plan.sites[0].reason


@pytest.mark.parametrize("values", [[1, -2, 3, 1], [1, 0, 3, 1], [1, 1e-3, 1, 1]])
def test_scales_of_any_sign_and_size_are_kept(values):
    block = LENI()
    model = model_of(layers.Conv2D(4, 3), block, layers.Conv2D(3, 3))
    block.positive_scale.assign(values)
    _, plan = assert_folds(model)
    goes_behind = min(np.abs(values)) > 0.1
    assert plan.sites[0].into == (model.layers[2].name if goes_behind else "")


@pytest.mark.parametrize("compression", ["pointwise", None])
@pytest.mark.parametrize("transform", ["depthwise", "pointwise", None])
def test_other_compressions_fold_the_normalization(compression, transform):
    groups = 2 if compression else 1
    block = LENI(transform=transform, normalization="batch", compression=compression, groups=groups)
    model = model_of(layers.Conv2D(4, 3), block, layers.Conv2D(3, 3))
    folded, plan = assert_folds(model)
    assert paths_of(plan, "fold") == [block.name]
    assert folded.layers[1].normalization is None
    assert folded.layers[1].compression == compression


def test_batch_normalization_behind_leni():
    folded, plan = assert_folds(model_of(layers.Conv2D(4, 3), LENI(), layers.BatchNormalization()))
    assert len(folded.layers) == 2
    assert {site.action for site in plan.sites} == {"fold"}
    block = LENI(compression="pointwise")
    _, plan = assert_folds(model_of(layers.Conv2D(4, 3), block, layers.BatchNormalization()))
    assert "no scales" in plan.sites[1].reason


FRESH = [
    {},
    {"normalization": "batch"},
    {"transform": None, "normalization": layers.GroupNormalization(2)},
    {"transform": layers.DepthwiseConv2D(3, padding="same")},
    {"compression": "pointwise"},
    {"compression": "pointwise", "groups": 2},
    {"compression": "sum"},
    {"activation": "silu"},
    {"activation": layers.PReLU(shared_axes=[1, 2])},
]


@pytest.mark.parametrize("arguments", FRESH, ids=str)
def test_a_silent_leni_becomes_its_activation(arguments):
    block = LENI.from_config(LENI(**arguments).get_config())
    model = keras.Sequential([keras.Input(IMAGES), layers.Conv2D(4, 3), block])
    if isinstance(block.activation, keras.Layer):
        draw_all_weights(block.activation)
    folded, plan = assert_folds(model)
    assert not any(isinstance(layer, LENI) for layer in folded.layers)
    assert folded.layers[-1].name == block.name
    assert paths_of(plan, "reduce") == [block.name]


def test_a_silent_leni_keeps_scale_and_shift():
    block = LENI("silu", use_bias=True)
    model = model_of(layers.Conv2D(4, 3), block)
    block.kernel.assign(0 * block.kernel)
    folded, _ = assert_folds(model)
    kinds = [layers.Conv2D, layers.Activation, layers.BatchNormalization]
    assert [type(layer) for layer in folded.layers] == kinds


def test_what_leni_does_not_open_stays():
    block = LENI(transform=layers.DepthwiseConv2D(3, padding="same"), normalization="batch")
    model = model_of(layers.Conv2D(4, 3), layers.BatchNormalization(), block)
    _, plan = assert_folds(model)
    assert paths_of(plan, "leave") == [block.name]
    block = LENI(normalization=layers.LayerNormalization())
    _, plan = assert_folds(model_of(layers.Conv2D(4, 3), block))
    assert "depends on the input" in plan.sites[0].reason


@pytest.mark.parametrize("kind", ["a bias", "moved statistics"])
def test_what_a_compression_multiplies_by_zero_adds_nothing(kind):
    normalization = "batch" if kind == "moved statistics" else None
    block = LENI(compression="pointwise", use_bias=kind == "a bias", normalization=normalization)
    model = keras.Sequential([keras.Input((6, 6, 4)), block, layers.Conv2D(2, 1)])
    images = np.random.default_rng(0).normal(size=(4, 6, 6, 4)).astype("float32")
    if normalization:
        for _ in range(30):
            model(images + 1, training=True)
    else:
        block.bias.assign(np.ones(4))
    folded = fold_for_inference(model, verbose=0)
    assert not any(isinstance(layer, LENI) for layer in folded.layers)
    np.testing.assert_allclose(to_numpy(folded(images)), to_numpy(model(images)), atol=1e-5)


def test_one_tap_over_images_needs_no_time_to_be_causal_in():
    block = LENI(transform=None, padding="causal", start="leaky")
    model = keras.Sequential([keras.Input((6, 6, 4)), block, layers.MaxPooling2D(2)])
    images = np.random.default_rng(0).normal(size=(4, 6, 6, 4)).astype("float32")
    folded = fold_for_inference(model, verbose=0)
    np.testing.assert_allclose(to_numpy(folded(images)), to_numpy(model(images)), atol=1e-5)


@pytest.mark.parametrize("sequential", [False, True])
def test_a_block_that_ends_a_mask_stays(sequential):
    stack = [layers.Embedding(9, 4, mask_zero=True), LENI(), layers.GlobalAveragePooling1D()]
    if sequential:
        model = keras.Sequential([keras.Input((6,)), *stack])
    else:
        inputs = x = keras.Input((6,))
        for layer in stack:
            x = layer(x)
        model = keras.Model(inputs, x)
    words = np.array([[1, 2, 3, 0, 0, 0]])
    folded = fold_for_inference(model, verbose=0)
    np.testing.assert_allclose(to_numpy(folded(words)), to_numpy(model(words)), atol=1e-6)
