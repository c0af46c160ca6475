"""The backend that a test runs on."""

import keras
import numpy as np
import pytest

BACKEND = keras.config.backend()

# Elsewhere Keras promotes float64 to float32, in `matmul` and `minimum` for example.
KEEPS_FLOAT64 = BACKEND == "tensorflow"
ROUNDING = 1e-10 if KEEPS_FLOAT64 else 1e-5

tensorflow_only = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="checks something that only the TensorFlow backend has"
)
jax_only = pytest.mark.skipif(
    BACKEND != "jax", reason="checks something that only the JAX backend has"
)


def count_of_ours(caught) -> int:
    """How many of the warnings are for users; backends and NumPy have others, of deprecation."""
    return sum(each.category is UserWarning for each in caught)


def to_numpy(tensor) -> np.ndarray:
    """A tensor or variable of any backend; half precision comes as float32."""
    tensor = keras.ops.convert_to_tensor(tensor)
    if keras.backend.standardize_dtype(tensor.dtype) in ("bfloat16", "float16"):
        tensor = keras.ops.cast(tensor, "float32")
    if BACKEND == "torch":
        tensor = tensor.detach()
    return keras.ops.convert_to_numpy(tensor)
