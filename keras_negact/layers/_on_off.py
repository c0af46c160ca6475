"""The two rectifiers side by side."""

import keras
from keras import ops


def on_off(inputs, axis: int, max_value: float | None = None):
    """`concat([relu(x), relu(-x)])` along `axis`, each half capped at `max_value` if given."""
    outputs = ops.relu(_both_signs(inputs, axis))
    return outputs if max_value is None else ops.minimum(outputs, max_value)


def _both_signs(inputs, axis):
    """`concat([x, -x])` along `axis`."""
    if keras.config.backend() == "torch":
        return ops.concatenate([inputs, ops.negative(inputs)], axis=axis)

    # One pass where TensorFlow's concatenation takes two and JAX's is fused with nothing; and a
    # gradient in two passes instead of four.
    signs_shape = [1] * (len(inputs.shape) + 1)
    signs_shape[axis] = 2
    shape = list(ops.shape(inputs))
    pairs_shape = [*shape[:axis], 2, *shape[axis:]]
    doubled_shape = [*shape[:axis], 2 * shape[axis], *shape[axis + 1 :]]

    @ops.custom_gradient
    def both_signs(inputs):
        def gradient(upstream):
            on, off = ops.unstack(ops.reshape(upstream, pairs_shape), 2, axis=axis)
            return on - off

        signs = ops.reshape(ops.cast([1, -1], inputs.dtype), signs_shape)
        return ops.reshape(ops.expand_dims(inputs, axis) * signs, doubled_shape), gradient

    return both_signs(inputs)
