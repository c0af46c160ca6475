"""A clone is a model like any other: saved, loaded in a fresh process, trained."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI, clone_with_activation
from tests.support.backends import to_numpy
from tests.support.random_graphs import scramble

LOAD = """
import sys
import numpy as np
import keras
import keras_negact

model = keras.models.load_model(sys.argv[1])
x = np.load(sys.argv[2])
model.compile("sgd", "mse")
np.save(sys.argv[3], keras.ops.convert_to_numpy(model(x)))
model.fit(x, np.zeros(model.output_shape[1:])[None].repeat(len(x), 0), verbose=0)
"""


def network():
    inputs = keras.Input((8, 8, 4))
    x = layers.Conv2D(4, 3, activation="silu")(inputs)
    x = keras.ops.gelu(layers.Conv2D(4, 3)(x))
    x = layers.ReLU()(layers.Conv2D(4, 3, activation=layers.LeakyReLU(0.2))(x))
    x = layers.Conv2D(4, 1, groups=2, activation="relu")(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    scramble(model)
    return model


@pytest.mark.parametrize(
    ("activation", "on_conflict"),
    [
        ("leni", "skip"),
        pytest.param("on_off_relu", "compress", marks=pytest.mark.slow),
        pytest.param(LENI(compression=None), "skip", marks=pytest.mark.slow),
    ],
    ids=["leni", "on_off", "leni_double"],
)
def test_fresh_process_loads_and_trains(tmp_path, activation, on_conflict):
    model = network()
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    clone = clone_with_activation(model, activation, on_conflict=on_conflict)
    files = [str(tmp_path / name) for name in ("clone.keras", "x.npy", "y.npy")]
    clone.save(files[0])
    np.save(files[1], x)
    subprocess.run([sys.executable, "-c", LOAD, *files], check=True, timeout=300)
    np.testing.assert_allclose(np.load(files[2]), to_numpy(clone(x)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.load(files[2]), to_numpy(model(x)), rtol=1e-4, atol=1e-5)
