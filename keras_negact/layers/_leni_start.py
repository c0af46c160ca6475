"""How LENI's weights start."""

import keras
import numpy as np
from keras import ops


def default_kernel_initializer() -> keras.initializers.Initializer:
    """Unit gain for a depthwise kernel, whose taps are its fan-out in Keras's reckoning."""
    return keras.initializers.VarianceScaling(mode="fan_out", distribution="uniform")


LEAKY_SLOPE = 0.25
"""Where PReLU's paper starts its slopes (He et al. 2015, section 2.1)."""


def leaky_kernel(shape, dtype=None):
    """The kernel `-LEAKY_SLOPE * I`: the middle tap, or each group's identity if pointwise."""
    kernel = np.zeros(shape)
    if shape[-1] == 1:
        kernel[tuple(taps // 2 for taps in shape[:-2])] = -LEAKY_SLOPE
    else:
        outputs = np.arange(shape[-1])
        kernel[..., outputs % shape[-2], outputs] = -LEAKY_SLOPE
    return ops.convert_to_tensor(kernel, dtype=dtype)


def keeping_compression(shape, dtype=None):
    """The pointwise compression `[I; 0]`: in every group the positive channels pass unchanged."""
    rows, filters = shape[-2:]
    outputs = np.arange(filters)
    kernel = np.zeros((rows, filters))
    kernel[outputs % (rows // 2), outputs] = 1
    return ops.convert_to_tensor(kernel.reshape(shape), dtype=dtype)
