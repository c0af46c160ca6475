"""What every test shares. Imports no backend by name: the layer tests run on all three."""

import os

# Oracles work in float64, which JAX has only when told so before it is imported.
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# On CPUs, TensorFlow has channels-first convolutions in oneDNN alone, which it switches on by
# itself only for some processors.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import pytest
from hypothesis import settings

# JAX compiles every operation anew for every shape.
examples = 8 if keras.config.backend() == "jax" else 25
settings.register_profile("keras_negact", deadline=None, derandomize=True, max_examples=examples)
settings.load_profile("keras_negact")


@pytest.fixture(autouse=True)
def same_start_for_every_test():
    """Seeded, and with Keras's own defaults, whatever the test before has left."""
    keras.utils.set_random_seed(0)
    data_format = keras.config.image_data_format()
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_image_data_format(data_format)
    keras.config.set_dtype_policy(policy)
