"""Compiled by XLA, traced into a graph or run eagerly: the same numbers."""

import keras
import numpy as np
import pytest

from keras_negact import OnOffReLU, RetinalOpponency
from tests.support.backends import jax_only, tensorflow_only, to_numpy
from tests.support.gradients import gradients
from tests.support.leni_cases import VARIANTS, draw_weights, with_drawn_weights

LENI_CASES = [
    ("default", (2, 4)),
    ("default", (2, 6, 4)),
    ("default", (2, 5, 5, 4)),
    ("default", (1, 3, 3, 3, 4)),
    ("grouped compression", (2, 5, 5, 4)),
    ("no compression, pointwise", (2, 5, 5, 4)),
]
CASES = {
    "on_off_relu": ((2, 5, 5, 4), OnOffReLU),
    "retina": ((1, 6, 7, 3), lambda: RetinalOpponency(scales=1, learnable=True)),
    **{
        f"{name}, {shape}": (shape, lambda name=name, shape=shape: leni(shape, name))
        for name, shape in LENI_CASES
    },
}


def leni(shape, name):
    return with_drawn_weights(shape, **VARIANTS[name])


def layer_and_inputs(name):
    shape, make_layer = CASES[name]
    layer = make_layer()
    if not layer.built:
        layer.build(shape)
        draw_weights(layer)
    return layer, np.random.default_rng(0).normal(size=shape).astype("float32")


def value_and_gradients(layer, x):
    def loss(x):
        return keras.ops.sum(layer(x) ** 2)

    by_inputs, by_weights = gradients(loss, x, layer.trainable_variables)
    return [to_numpy(layer(x)), by_inputs, *by_weights]


@tensorflow_only
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_tensorflow_function(name, jit_compile):
    import tensorflow as tf

    layer, x = layer_and_inputs(name)

    @tf.function(jit_compile=jit_compile)
    def compiled(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(y**2)
        return [y, *tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])]

    for one, other in zip(compiled(tf.constant(x)), value_and_gradients(layer, x), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-5 * np.abs(other).max())


@tensorflow_only
@pytest.mark.parametrize("jit_compile", [False, True])
def test_fit_is_the_same_compiled_or_not(jit_compile):
    def trained(**arguments):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [
                keras.Input((6, 6, 3)),
                keras.layers.Conv2D(4, 3),
                with_drawn_weights((None, 4, 4, 4)),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(1),
            ]
        )
        model.compile(keras.optimizers.SGD(0.001), "mse", **arguments)
        x = np.random.default_rng(0).normal(size=(8, 6, 6, 3)).astype("float32")
        model.fit(x, np.arange(8) / 8, batch_size=4, epochs=2, shuffle=False, verbose=0)
        return model.get_weights()

    eager = trained(run_eagerly=True)
    for one, other in zip(trained(jit_compile=jit_compile), eager, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@jax_only
@pytest.mark.parametrize("name", CASES)
def test_jax_jit(name):
    import jax

    layer, x = layer_and_inputs(name)
    trainable = [variable.value for variable in layer.trainable_variables]

    @jax.jit
    def compiled(x, trainable):
        def loss(x, trainable):
            y, _ = layer.stateless_call(trainable, [], x)
            return (y**2).sum(), y

        (by_inputs, by_weights), y = jax.grad(loss, argnums=(0, 1), has_aux=True)(x, trainable)
        return [y, by_inputs, *by_weights]

    for one, other in zip(compiled(x, trainable), value_and_gradients(layer, x), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-5 * np.abs(other).max())
