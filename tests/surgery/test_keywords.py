"""What a layer, a nested model or an operation was told at the call, it is told in a clone too."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_negact import clone_with_activation, fold_for_inference
from tests.support.random_graphs import scramble

X = np.random.default_rng(0).normal(1, 3, size=(6, 5, 4)).astype("float32")


@keras.saving.register_keras_serializable(package="tests.keywords")
class Told(layers.Layer):
    """Does what it is told at the call."""

    def call(self, inputs, factor=1.0, other=None, *, shift=0.0, training=None):
        y = inputs * factor + shift
        y = y if other is None else y + other["a"] - other["b"][0]
        return y * 2.0 if training else y


def told_once(x):
    return Told()(x, factor=3.0, other={"a": x, "b": [ops.flip(x, axis=1)]}, shift=0.25)


def told_of_training(x):
    x = layers.BatchNormalization()(x, training=True)
    x = layers.Dropout(0.9)(x, training=False)
    return Told()(x, training=True)


def told_differently(x):
    shared = Told()
    return shared(shared(x, factor=0.5), shift=2.0, training=False)


def operations(x):
    x = ops.clip(x, x_min=-2.0, x_max=3.0)
    return ops.leaky_relu(ops.roll(x, shift=1, axis=1), negative_slope=0.4)


def given_a_mask(x):
    mask = ops.any(ops.greater(x, 1.0), axis=-1)
    return layers.GRU(4, return_sequences=True)(x, mask=mask)


def given_a_state(x):
    state = layers.GlobalAveragePooling1D()(x)
    return layers.LSTM(4, return_sequences=True)(x, initial_state=[state, state * 0.5])


def numbers_of_numpy(x):
    x = ops.reshape(x, (-1, np.prod(x.shape[1:])))
    return ops.reshape(ops.roll(x, np.int64(1), axis=1), (-1, *X.shape[1:]))


def attending(x):
    attention = layers.MultiHeadAttention(2, 3)
    return attention(x, key=x * 2.0, value=x, use_causal_mask=True)


KINDS = [
    told_once,
    told_of_training,
    told_differently,
    operations,
    given_a_mask,
    given_a_state,
    numbers_of_numpy,
    attending,
]


def network(make):
    inputs = keras.Input(X.shape[1:])
    x = make(layers.Dense(4, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(4)(layers.ReLU()(x)), name=make.__name__)


def check(model):
    scramble(model)
    for template, how in (("leni", None), ("on_off_relu", "compress"), ("on_off_relu", "skip")):
        clone = clone_with_activation(model, template, on_conflict=how)
        for training in (False, True):
            y = np.asarray(model(X, training=training))
            np.testing.assert_allclose(clone(X, training=training), y, rtol=1e-4, atol=1e-5)
        # What batch normalization has seen in training is in both, so the source is its own oracle.
        fresh = clone_with_activation(model, template, on_conflict=how)
        folded = fold_for_inference(fresh, verbose=False)
        np.testing.assert_allclose(folded(X), model(X), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*were left as they are:UserWarning")
@pytest.mark.parametrize("make", KINDS)
def test_keywords_of_layers_and_operations(make):
    check(network(make))


@pytest.mark.filterwarnings("ignore:.*were left as they are:UserWarning")
@pytest.mark.parametrize("training", [True, False])
def test_keywords_of_nested_models(training):
    inputs = keras.Input(X.shape[1:])
    x = network(told_of_training)(inputs)
    inner = keras.Sequential(
        [
            keras.Input(X.shape[1:]),
            layers.Dense(4, activation="relu"),
            layers.BatchNormalization(name="normalization"),
        ]
    )
    x = layers.ReLU()(inner(x, training=training))
    model = keras.Model(inputs, layers.Dense(2)(x))
    check(model)
    # The outermost model is not told: the keyword alone decides whose statistics count.
    inner.get_layer("normalization").moving_mean.assign(np.full(4, -100.0))
    moved = np.abs(np.asarray(clone_with_activation(model)(X))).max() > 50
    assert moved == (not training)


def test_a_weight_given_as_a_tensor_is_not_shared():
    inputs = keras.Input((4,))
    dense = layers.Dense(4, activation="relu", name="dense")
    x = ops.matmul(dense(inputs), dense.kernel)
    model = keras.Model(inputs, layers.Dense(2)(x))
    with pytest.raises(ValueError, match=r"`matmul.* is given the weight `dense/kernel`"):
        clone_with_activation(model)
