"""On JAX a training step eats the arrays that it is given: a clone must have its own."""

import os
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("jax")

SCRIPT = """
import keras
import numpy as np
from keras import layers
from keras_negact import clone_with_activation, fold_for_inference

assert keras.config.backend() == "jax"
rng = np.random.default_rng(0)
x, y = rng.normal(size=(8, 6, 3)).astype("float32"), np.ones((8, 2), "float32")


def source():
    inner = [keras.Input((6, 4)), layers.Dense(4, activation="relu"), layers.BatchNormalization()]
    normalization = layers.Normalization()
    normalization.adapt(x)
    inputs = keras.Input((6, 3))
    z = layers.Dense(4, activation="relu")(normalization(inputs))
    z = layers.Flatten()(layers.Dropout(0.3)(keras.Sequential(inner)(z)))
    return keras.Model(inputs, layers.Dense(2)(layers.PReLU()(z)))


def used(model):
    if not model.compiled:
        model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, y, batch_size=4, epochs=1, verbose=0)
    return model.predict(x, verbose=0)


makers = {
    "leni": lambda model: clone_with_activation(model, "leni"),
    "doubled": lambda model: clone_with_activation(model, "on_off_relu", on_conflict="compress"),
    "folded": lambda model: fold_for_inference(model, verbose=False),
}
for name, make in makers.items():
    model = source()
    clone = make(model)
    held = {id(variable.value) for variable in model.variables}
    assert not held & {id(variable.value) for variable in clone.variables}
    before = np.array(clone(x))
    np.testing.assert_allclose(before, model(x), atol=1e-5)
    used(model)
    # The clone has seen nothing of it, and is there to be used; and so is the source after that.
    np.testing.assert_array_equal(clone(x), before)
    trained = np.array(model(x))
    used(clone)
    np.testing.assert_array_equal(model(x), trained)
    assert np.isfinite(used(model)).all()
    print(name)
"""


def test_source_and_clone_survive_each_other_on_jax():
    root = pathlib.Path(__file__).parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["leni", "doubled", "folded"]
