"""Gradients by the backend's own automatic differentiation, as NumPy arrays."""

import keras
import numpy as np
from keras import ops

from tests.support.backends import BACKEND, KEEPS_FLOAT64, to_numpy

# In float32 a step is wide, but not as far as `away_from_zero` keeps points from kinks.
_STEP, _TOLERANCE = (1e-6, 1e-5) if KEEPS_FLOAT64 else (2e-2, 5e-3)


def gradients(loss, inputs, variables=()):
    """`d loss(inputs)` by the inputs and by every variable.

    Args:
        loss: function from a tensor to a scalar tensor.
        inputs: an array.
        variables: Keras variables that `loss` uses.

    Returns:
        The gradient by the inputs and a list with those by the variables. What `loss` does not
        depend on has a gradient of zeros.
    """
    inputs = ops.convert_to_tensor(inputs)
    by_inputs, *by_variables = _DIFFERENTIATE[BACKEND](loss, inputs, list(variables))
    return to_numpy(by_inputs), [to_numpy(gradient) for gradient in by_variables]


def gradient_of_gradient(loss, inputs, direction):
    """`d/dinputs` of `sum(direction * d loss / dinputs)`: the Hessian times `direction`."""
    inputs = ops.convert_to_tensor(inputs)
    direction = ops.convert_to_tensor(direction)
    return to_numpy(_TWICE[BACKEND](loss, inputs, direction))


def _tensorflow(loss, inputs, variables):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = loss(inputs)
    sources = [inputs, *(variable.value for variable in variables)]
    return tape.gradient(value, sources, unconnected_gradients="zero")


def _tensorflow_twice(loss, inputs, direction):
    import tensorflow as tf

    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            value = loss(inputs)
        along = tf.reduce_sum(inner.gradient(value, inputs) * direction)
    return outer.gradient(along, inputs, unconnected_gradients="zero")


def _jax(loss, inputs, variables):
    import jax

    def pure(inputs, values):
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return loss(inputs)

    by_inputs, by_values = jax.grad(pure, argnums=(0, 1))(inputs, [v.value for v in variables])
    return [by_inputs, *by_values]


def _jax_twice(loss, inputs, direction):
    import jax

    return jax.grad(lambda x: (jax.grad(loss)(x) * direction).sum())(inputs)


def _torch(loss, inputs, variables):
    import torch

    inputs = inputs.detach().clone().requires_grad_()
    sources = [inputs, *(variable.value for variable in variables)]
    return torch.autograd.grad(loss(inputs), sources, allow_unused=True, materialize_grads=True)


def _torch_twice(loss, inputs, direction):
    import torch

    inputs = inputs.detach().clone().requires_grad_()
    (first,) = torch.autograd.grad(loss(inputs), [inputs], create_graph=True)
    (second,) = torch.autograd.grad((first * direction).sum(), [inputs])
    return second


_DIFFERENTIATE = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
_TWICE = {"tensorflow": _tensorflow_twice, "jax": _jax_twice, "torch": _torch_twice}


def assert_is_gradient(gradient, function, point, at_most=16, err_msg=""):
    """Compare `gradient` with central differences of `function` (array to number) at `point`.

    Of more than `at_most` entries that many are drawn.
    """
    point = np.array(point, "float64")
    assert gradient.shape == point.shape
    drawn = np.random.default_rng(0).permutation(point.size)[:at_most]
    differences = []
    for index in drawn:
        values = []
        for sign in (1, -1):
            moved = point.copy()
            moved.flat[index] += sign * _STEP
            values.append(float(to_numpy(function(ops.convert_to_tensor(moved)))))
        differences.append((values[0] - values[1]) / (2 * _STEP))
    np.testing.assert_allclose(
        gradient.flat[drawn],
        differences,
        rtol=_TOLERANCE,
        atol=_TOLERANCE * np.abs(differences).max(),
        err_msg=err_msg,
    )


def away_from_zero(random, shape, margin=0.05) -> np.ndarray:
    """Numbers of both signs, none nearer to zero, where rectifiers have a kink, than `margin`."""
    magnitudes = margin + np.abs(random.normal(size=shape))
    return magnitudes * random.choice([-1.0, 1.0], size=shape)
