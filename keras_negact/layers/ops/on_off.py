"""The two rectifiers side by side."""

from keras import ops

from keras_negact.layers._backend import compiled_by_xla


def on_off(inputs, axis: int, max_value: float | None = None):
    """`concat([relu(x), relu(-x)])` along `axis`, each half capped at `max_value` if given."""
    halves = [ops.relu(inputs), ops.relu(ops.negative(inputs))]
    if max_value is not None:
        halves = [ops.minimum(half, max_value) for half in halves]
    if not compiled_by_xla():
        return ops.concatenate(halves, axis=axis)
    # The same numbers; XLA makes one loop of it, where it concatenates in a second pass.
    shape = list(ops.shape(inputs))
    shape[axis] = 2 * shape[axis]
    return ops.reshape(ops.stack(halves, axis=axis), shape)
