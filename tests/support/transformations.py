"""Every way to differentiate a function, on every backend and in every mode.

A function takes one vector and returns one number; `direction` is a vector as long.
"""

import keras

from tests.support.backends import BACKEND, to_numpy


def _tensorflow():
    import tensorflow as tf

    def reverse(function, z, direction):
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = function(z)
        return tape.gradient(value, z)

    def reverse_over_reverse(function, z, direction):
        with tf.GradientTape() as tape:
            tape.watch(z)
            along = tf.reduce_sum(reverse(function, z, None) * direction)
        return tape.gradient(along, z)

    def forward(function, z, direction):
        with tf.autodiff.ForwardAccumulator(z, direction) as accumulator:
            value = function(z)
        return accumulator.jvp(value)

    def vmap(function, z, direction):
        return tf.vectorized_map(
            lambda one: reverse(function, one, None), tf.stack([z, z + direction, 2 * z])
        )

    def hessian(function, z, direction):
        with tf.GradientTape() as tape:
            tape.watch(z)
            gradient = reverse(function, z, None)
        return tape.jacobian(gradient, z)

    modes = {
        "eager": lambda function: function,
        "graph": tf.function,
        "xla": lambda function: tf.function(function, jit_compile=True),
    }
    return modes, reverse, reverse_over_reverse, forward, vmap, hessian


def _jax():
    import jax
    import jax.numpy as jnp

    def reverse(function, z, direction):
        return jax.grad(function)(z)

    def reverse_over_reverse(function, z, direction):
        return jax.grad(lambda z: jax.grad(function)(z) @ direction)(z)

    def forward(function, z, direction):
        return jax.jvp(function, (z,), (direction,))[1]

    def vmap(function, z, direction):
        return jax.vmap(jax.grad(function))(jnp.stack([z, z + direction, 2 * z]))

    def hessian(function, z, direction):
        return jax.hessian(function)(z)

    modes = {"eager": lambda function: function, "jit": jax.jit}
    return modes, reverse, reverse_over_reverse, forward, vmap, hessian


def _torch():
    import torch

    def reverse(function, z, direction):
        return torch.func.grad(function)(z)

    def reverse_over_reverse(function, z, direction):
        return torch.func.grad(lambda z: torch.func.grad(function)(z) @ direction)(z)

    def forward(function, z, direction):
        return torch.func.jvp(function, (z,), (direction,))[1]

    def vmap(function, z, direction):
        return torch.func.vmap(torch.func.grad(function))(torch.stack([z, z + direction, 2 * z]))

    def hessian(function, z, direction):
        return torch.func.hessian(function)(z)

    return (
        {"eager": lambda function: function},
        reverse,
        reverse_over_reverse,
        forward,
        vmap,
        hessian,
    )


MODES, *_BY_BACKEND = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[BACKEND]()
TRANSFORMATIONS = dict(
    zip(["reverse", "reverse over reverse", "forward", "vmap", "hessian"], _BY_BACKEND, strict=True)
)


def _rematerialized(function, z, direction):
    if BACKEND == "torch":
        # PyTorch's checkpoints are for its tape, and refuse `torch.func`.
        import torch

        z = z.detach().clone().requires_grad_()
        return torch.autograd.grad(keras.remat(function)(z), z)[0]
    return TRANSFORMATIONS["reverse"](keras.remat(function), z, direction)


TRANSFORMATIONS["rematerialized"] = _rematerialized


def transformed(name: str, mode: str, function, z, direction):
    """The derivative of the function by that name, as an array."""
    z, direction = (keras.ops.convert_to_tensor(vector) for vector in (z, direction))
    transformation = TRANSFORMATIONS[name]
    return to_numpy(MODES[mode](lambda z, d: transformation(function, z, d))(z, direction))
