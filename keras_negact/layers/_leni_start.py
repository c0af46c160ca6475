"""How LENI's weights start."""

import keras
import numpy as np
from keras import ops


def default_kernel_initializer() -> keras.initializers.Initializer:
    """Unit gain for a depthwise kernel, whose taps are its fan-out in Keras's reckoning."""
    return keras.initializers.VarianceScaling(mode="fan_out", distribution="uniform")


def keeping_compression(shape, dtype=None):
    """The pointwise compression `[I; 0]`: in every group the positive channels pass unchanged."""
    rows, filters = shape[-2:]
    outputs = np.arange(filters)
    kernel = np.zeros((rows, filters))
    kernel[outputs % (rows // 2), outputs] = 1
    return ops.convert_to_tensor(kernel.reshape(shape), dtype=dtype)
