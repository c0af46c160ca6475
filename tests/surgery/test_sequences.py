"""Masks, and the order in time."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

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


def temporal(x):
    """The first block of a temporal network: the other branch comes from the input itself."""
    y = layers.SpatialDropout1D(0.1)(layers.Conv1D(4, 3, padding="causal", activation="relu")(x))
    y = layers.LayerNormalization()(layers.Conv1D(4, 3, padding="causal")(y))
    return layers.ReLU()(layers.Add()([layers.Conv1D(4, 1)(x), layers.ReLU()(y)]))


def activated_first(x):
    return causal(layers.ReLU()(layers.Conv1D(4, 1)(x)))


def chomped(x):
    """Zeros on both sides, and what looked ahead cut off."""
    return layers.Cropping1D((0, 4))(
        layers.Conv1D(4, 5, activation="relu")(layers.ZeroPadding1D(4)(x))
    )


def sliced(x):
    return layers.Conv1D(4, 3)(layers.ZeroPadding1D(2)(x))[:, :-2]


def padded_by_an_operation(x):
    return layers.Conv1D(4, 3)(layers.Dropout(0.1)(ops.pad(x, [[0, 0], [2, 0], [0, 0]])))


def recurrent(x):
    return layers.GRU(4, return_sequences=True)(layers.ReLU()(x))


@pytest.mark.parametrize(
    "front", [temporal, activated_first, chomped, sliced, padded_by_an_operation, recurrent]
)
def test_no_way_lets_the_future_in(front):
    inputs = keras.Input((20, 2))
    x = layers.ReLU()(front(inputs))
    model = keras.Model(inputs, layers.Dense(1)(layers.Conv1D(3, 1, activation="relu")(x)))
    clone = clone_with_activation(model)
    scramble(clone)
    now = np.random.default_rng(0).normal(size=(1, 20, 2)).astype("float32")
    later = now.copy()
    later[:, 10:] += 1
    for network in (model, clone):
        ahead = np.abs(to_numpy(network(now)) - to_numpy(network(later)))
        assert ahead[:, :10].max() < 1e-6
        assert ahead[:, 10:].max() > 0


def test_convolutions_that_look_ahead_let_blocks_look_ahead():
    inputs = keras.Input((20, 2))
    x = layers.ReLU()(layers.Conv1D(4, 1)(inputs))
    x = layers.ReLU()(layers.Conv1D(4, 3, padding="same")(x))
    x = layers.ReLU()(layers.Add()([x, layers.Conv1D(4, 3, padding="causal")(x)]))
    plan = plan_activation_swap(keras.Model(inputs, layers.Conv1D(1, 1)(x)))
    assert [site.around for site in plan.sites] == ["space"] * 3


def test_images_in_a_sequence_are_looked_at_one_by_one():
    inputs = keras.Input((6, 5, 5, 2))
    x = layers.TimeDistributed(layers.Conv2D(4, 3, padding="same"))(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.ReLU()(layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)(x))
    model = keras.Model(inputs, layers.Dense(1)(x))
    plan = plan_activation_swap(model)
    assert [site.form for site in plan.sites if site.form] == ["depthwise (1, 3, 3)"] * 2
    clone = plan.apply()
    scramble(clone)
    now = np.random.default_rng(0).normal(size=(1, 6, 5, 5, 2)).astype("float32")
    later = now.copy()
    later[:, 3:] += 1
    np.testing.assert_allclose(
        to_numpy(clone(now))[:, :3], to_numpy(clone(later))[:, :3], atol=1e-6
    )


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
