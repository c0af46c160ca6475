"""How LENI's weights start."""

import keras
import numpy as np
from keras import ops


def default_kernel_initializer() -> keras.initializers.Initializer:
    """Unit gain for a depthwise kernel, whose taps are its fan-out in Keras's reckoning."""
    return keras.initializers.VarianceScaling(mode="fan_out", distribution="uniform")


DEFAULT_SLOPE = 0.25
"""Where PReLU's paper starts its slopes (He et al. 2015, section 2.1)."""


class LeakyKernel(keras.initializers.Initializer):
    """The kernel `-slope * I`: one tap, or each group's identity if pointwise.

    The tap is the middle one, or the last under causal padding: that of the point itself.
    """

    def __init__(self, slope: float, padding: str):
        self.slope, self.padding = slope, padding

    def __call__(self, shape, dtype=None):
        kernel = np.zeros(shape)
        if shape[-1] == 1:
            causal = self.padding == "causal"
            own = tuple(taps - 1 if causal else taps // 2 for taps in shape[:-2])
            kernel[own] = -self.slope
        else:
            outputs = np.arange(shape[-1])
            kernel[..., outputs % shape[-2], outputs] = -self.slope
        return ops.convert_to_tensor(kernel, dtype=dtype)


class Divided(keras.initializers.Initializer):
    """What another initializer draws, divided by a number."""

    def __init__(self, initializer: keras.initializers.Initializer, divisor: float):
        self.initializer, self.divisor = initializer, divisor

    def __call__(self, shape, dtype=None):
        return self.initializer(shape, dtype=dtype) / self.divisor


def keeping_compression(shape, dtype=None):
    """The pointwise compression `[I; 0]`: in every group the positive channels pass unchanged."""
    rows, filters = shape[-2:]
    outputs = np.arange(filters)
    kernel = np.zeros((rows, filters))
    kernel[outputs % (rows // 2), outputs] = 1
    return ops.convert_to_tensor(kernel.reshape(shape), dtype=dtype)
