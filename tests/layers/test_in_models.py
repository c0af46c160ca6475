"""The layers inside Sequential, Functional and subclassed models, wrappers and quantization."""

import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU, RetinalOpponency
from tests.support import leni_reference
from tests.support.backends import to_numpy
from tests.support.leni_cases import draw_weights, weights_by_name

IMAGES = np.random.default_rng(0).uniform(-1, 1, size=(8, 6, 6, 3)).astype("float32")
LABELS = np.arange(8) % 2


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.layers_in_order = network()

    def call(self, inputs):
        for layer in self.layers_in_order:
            inputs = layer(inputs)
        return inputs


def network():
    return [
        RetinalOpponency(scales=1),
        keras.layers.Conv2D(4, 3),
        LENI(normalization="batch"),
        keras.layers.Conv2D(4, 3),
        OnOffReLU(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(4),
        LENI(),
        keras.layers.Dense(2),
    ]


def sequential():
    return keras.Sequential(network())


def functional():
    inputs = x = keras.Input((None, None, 3))
    for layer in network():
        x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("make_model", [sequential, functional, Subclassed])
def test_trains_in_every_kind_of_model(make_model):
    model = make_model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05), loss)
    model(IMAGES)
    before = [to_numpy(weight) for weight in model.trainable_weights]
    assert len(before) > 10
    history = model.fit(IMAGES, LABELS, epochs=2, batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    after = [to_numpy(weight) for weight in model.trainable_weights]
    # A scale that multiplies zero has to wait for the second step, and gets it here.
    assert not any(np.array_equal(*pair) for pair in zip(before, after, strict=True))


@pytest.mark.parametrize("layer", [LENI(), LENI(normalization="batch"), OnOffReLU()])
def test_time_distributed(layer):
    frames = np.random.default_rng(0).normal(size=(2, 3, 5, 5, 4)).astype("float32")
    wrapped = keras.layers.TimeDistributed(layer)
    inputs = keras.Input((None, 5, 5, 4))
    model = keras.Model(inputs, wrapped(inputs))
    draw_weights(layer)
    y = to_numpy(model(frames))
    assert y.shape == wrapped.compute_output_shape(frames.shape)
    for step in range(frames.shape[1]):
        np.testing.assert_allclose(y[:, step], to_numpy(layer(frames[:, step])), rtol=1e-6)


def test_as_the_activation_of_another_layer():
    layer = LENI()
    convolution = keras.layers.Conv2D(4, 3, activation=layer)
    plain = keras.layers.Conv2D(4, 3)
    plain.build(IMAGES.shape)
    y = to_numpy(convolution(IMAGES))
    plain.set_weights(convolution.get_weights()[:2])
    np.testing.assert_array_equal(y, np.maximum(to_numpy(plain(IMAGES)), 0))
    assert {weight.path for weight in layer.weights} <= {w.path for w in convolution.weights}


def test_shared_layer_has_one_set_of_weights():
    inputs = keras.Input((6, 6, 3))
    layer = LENI()
    model = keras.Model(inputs, layer(layer(inputs)))
    assert len(model.weights) == len(layer.weights) == 3


def test_inner_layers_see_training_and_are_tracked():
    layer = LENI(transform=keras.layers.Dropout(0.5, seed=0), start="random")
    inference = to_numpy(layer(-np.abs(IMAGES)))
    training = to_numpy(layer(-np.abs(IMAGES), training=True))
    assert (inference > 0).all()
    assert (training == 0).any()
    layer = LENI(normalization="batch")
    layer.build(IMAGES.shape)
    assert sorted(weight.name for weight in layer.non_trainable_weights) == [
        "moving_mean",
        "moving_variance",
    ]
    layer.trainable = False
    assert not layer.trainable_weights


class Doubled(keras.layers.Layer):
    """With neither `build` nor `compute_output_shape`, as many users write them."""

    def call(self, inputs):
        return 2 * inputs


class Lazy(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


def test_layers_of_the_user_as_parts():
    layer = LENI(transform=Doubled(), activation=Doubled(), normalization=Lazy())
    y = to_numpy(layer(IMAGES))
    np.testing.assert_array_equal(y, 2 * IMAGES)
    assert {weight.name for weight in layer.weights} == {
        "kernel",
        "bias",
        "positive_scale",
        "negative_scale",
    }


def test_model_as_transform():
    bottleneck = keras.Sequential([keras.layers.Dense(2, activation="relu"), keras.layers.Dense(3)])
    layer = LENI(transform=bottleneck)
    layer.build(IMAGES.shape)
    draw_weights(layer)
    expected = leni_reference.leni(
        IMAGES,
        {name: weights_by_name(layer)[name] for name in ("positive_scale", "negative_scale")},
        transform=lambda negative: to_numpy(bottleneck(negative)),
    )
    np.testing.assert_allclose(to_numpy(layer(IMAGES)), expected, rtol=1e-5)


def test_clone_model_copies_the_layers_and_shares_nothing():
    model = functional()
    clone = keras.models.clone_model(model)
    assert not {id(layer) for layer in model._flatten_layers()} & {
        id(layer) for layer in clone._flatten_layers()
    }
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(to_numpy(clone(IMAGES)), to_numpy(model(IMAGES)), rtol=1e-6)


def test_quantization_leaves_the_block_alone():
    inputs = keras.Input((6, 6, 4))
    block = LENI()
    model = keras.Model(inputs, keras.layers.Dense(4)(OnOffReLU()(block(inputs))))
    draw_weights(model)
    before = weights_by_name(block)
    model.quantize("int8")
    assert block.dtype_policy.name == "float32"
    for name, value in weights_by_name(block).items():
        np.testing.assert_array_equal(value, before[name])
    assert np.isfinite(to_numpy(model(np.ones((1, 6, 6, 4), "float32")))).all()
