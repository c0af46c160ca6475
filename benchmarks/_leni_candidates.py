"""What LENI's default was chosen from, and the control that costs what LENI costs."""

import keras
from keras import layers, ops

from keras_negact import LENI


def relu_and_depthwise() -> keras.Layer:
    """The control that costs what LENI costs: a ReLU with a depthwise 3x3 convolution behind it.

    The convolution starts as the identity, as LENI starts as a ReLU.
    """
    return keras.Sequential(
        [layers.ReLU(), layers.DepthwiseConv2D(3, padding="same", depthwise_initializer=_identity)]
    )


@keras.saving.register_keras_serializable("keras_negact_benchmarks")
def _identity(shape, dtype=None):
    middle = [ops.one_hot(size // 2, size, dtype=dtype) for size in shape[:2]]
    return (
        ops.ones(shape, dtype)
        * ops.reshape(middle[0], (-1, 1, 1, 1))
        * ops.reshape(middle[1], (1, -1, 1, 1))
    )


def earlier_leni(*arguments, **more) -> LENI:
    """LENI with the gain that was its default when the networks of the GPU were trained."""
    return LENI(*arguments, kernel_gain=3.0, **more)


def frozen_kernel() -> keras.Layer:
    """LENI whose kernel stays what it is at the start; its other weights learn."""
    return earlier_leni(kernel_constraint=_Unchanged())


@keras.saving.register_keras_serializable("keras_negact_benchmarks")
class _Unchanged(keras.constraints.Constraint):
    """Brings a kernel that started as zeros back to zeros after each step."""

    def __call__(self, kernel):
        # A variable is no tensor to all of a backend's functions.
        return ops.zeros(kernel.shape, kernel.dtype)


def _leni(**arguments):
    return lambda: LENI(**arguments)


# Everything is spelled out: a candidate stays what it was, whatever the default
# becomes.
CANDIDATES = {
    "keep": _leni(start="keep", compression="channelwise", kernel_gain=1.0),
    "keep, gain 2": _leni(start="keep", compression="channelwise", kernel_gain=2.0),
    "keep, gain 3": _leni(start="keep", compression="channelwise", kernel_gain=3.0),
    "sum, gain 3": _leni(start="keep", compression="sum", kernel_gain=3.0),
    "leaky 0.1, sum, gain 3": _leni(start="leaky", slope=0.1, compression="sum", kernel_gain=3.0),
}
