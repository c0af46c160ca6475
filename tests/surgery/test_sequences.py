"""Masks, and the order in time."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import clone_with_activation, fold_for_inference, plan_activation_swap
from tests.support.backends import to_numpy
from tests.support.random_graphs import scramble

IDS = np.array([[1, 2, 3, 0, 0, 0], [4, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]])


def embedded():
    inputs = keras.Input((6,))
    x = layers.Embedding(9, 4, mask_zero=True)(inputs)
    x = layers.Dense(4, activation="relu")(x)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(3, activation="relu"))(x)
    return keras.Model(inputs, layers.Dense(2)(layers.GRU(3)(layers.ReLU()(x))))


def attending():
    inputs = keras.Input((6,))
    x = layers.Embedding(9, 4, mask_zero=True)(inputs)
    x = layers.Dense(4, activation="relu")(layers.MultiHeadAttention(2, 3)(x, x))
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


def sequential():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Embedding(9, 4, mask_zero=True),
            layers.Dense(4, activation="relu"),
            layers.LSTM(4),
            layers.Dense(4, activation="relu"),
            layers.Dense(1),
        ]
    )


def masked():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Reshape((6, 1)),
            layers.Masking(),
            layers.Dense(4, activation="relu"),
            layers.LSTM(4),
            layers.Dense(1),
        ]
    )


@pytest.mark.parametrize("make", [embedded, attending, sequential, masked])
@pytest.mark.parametrize(("activation", "how"), [("leni", "skip"), ("on_off_relu", "compress")])
def test_masks_go_through(make, activation, how):
    model = make()
    scramble(model)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*mask")
        clone = clone_with_activation(model, activation, on_conflict=how)
        np.testing.assert_allclose(to_numpy(clone(IDS)), to_numpy(model(IDS)), atol=1e-6)
        folded = fold_for_inference(clone, verbose=False)
        np.testing.assert_allclose(to_numpy(folded(IDS)), to_numpy(model(IDS)), atol=1e-6)
    assert type(clone) is type(model)


def padded(x):
    return layers.Conv1D(4, 3, dilation_rate=2)(layers.ZeroPadding1D((4, 0))(x))


def causal(x):
    return layers.Conv1D(4, 3, padding="causal")(x)


@pytest.mark.parametrize("convolution", [padded, causal])
def test_a_causal_network_stays_causal(convolution):
    inputs = keras.Input((20, 2))
    x = layers.ReLU()(layers.BatchNormalization()(convolution(inputs)))
    x = layers.Add()([x, layers.Conv1D(4, 1, activation="relu")(x)])
    x = layers.Dense(4, activation="relu")(layers.ReLU()(x))
    model = keras.Model(inputs, layers.Conv1D(1, 1)(x))
    around = [site.around for site in plan_activation_swap(model).sites]
    assert around == ["time", "time", "time", "tokens"]
    clone = clone_with_activation(model)
    scramble(clone)
    now = np.random.default_rng(0).normal(size=(1, 20, 2)).astype("float32")
    later = now.copy()
    later[:, 10:] += 1
    np.testing.assert_array_equal(to_numpy(clone(now))[:, :10], to_numpy(clone(later))[:, :10])
    assert np.abs(clone(now)[:, 10:] - clone(later)[:, 10:]).max() > 0


def test_blocks_at_tokens_look_at_their_own_place():
    inputs = keras.Input((6, 8))
    x = layers.Dense(12, activation="gelu", name="mlp")(
        layers.MultiHeadAttention(2, 4)(inputs, inputs)
    )
    x = layers.Conv1D(8, 3, padding="same", activation="relu", name="conv")(x)
    x = layers.Dense(22, activation="relu", name="head")(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, layers.Dense(2)(x))
    plan = plan_activation_swap(model)
    forms = {site.path: site.form for site in plan.sites}
    assert forms == {
        "mlp": "pointwise in 2 groups",
        "conv": "depthwise 3",
        "head": "pointwise in 11 groups",
    }
    assert "pointwise in 2 groups" in repr(plan)
