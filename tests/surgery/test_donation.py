"""On JAX a training step eats the arrays that it is given: a clone must have its own."""

import os
import pathlib
import subprocess
import sys

SCRIPT = """
import keras
import numpy as np
from keras import layers
from keras_negact import LENI, clone_with_activation, fold_for_inference

assert keras.config.backend() == "jax"
rng = np.random.default_rng(0)
x, y = rng.normal(size=(8, 6, 3)).astype("float32"), np.ones((8, 2), "float32")


def source():
    inner = [keras.Input((6, 4)), layers.Dense(4, activation="relu"), layers.BatchNormalization()]
    normalization = layers.Normalization()
    normalization.adapt(x)
    inputs = keras.Input((6, 3))
    z = layers.Conv1D(4, 3, padding="same", activation="relu")(normalization(inputs))
    z = layers.LSTM(4)(layers.TimeDistributed(layers.Dropout(0.3))(keras.Sequential(inner)(z)))
    return keras.Model(inputs, layers.Dense(2)(layers.PReLU()(z)))


def used(model):
    if not model.compiled:
        model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    return model.predict(x, verbose=0)


makers = {
    "leni": lambda model: clone_with_activation(model, "leni"),
    "doubled": lambda model: clone_with_activation(model, "on_off_relu", on_conflict="compress"),
    "folded": lambda model: fold_for_inference(model, verbose=False),
    "folded swap": lambda model: fold_for_inference(
        clone_with_activation(model, LENI(normalization="batch")), verbose=False
    ),
}
for name, make in makers.items():
    for first in ("source", "clone"):
        model = source()
        clone = make(model)
        np.testing.assert_allclose(clone(x), model(x), atol=1e-5)
        one, other = (model, clone) if first == "source" else (clone, model)
        before = np.array(other(x))
        used(one)
        # The other has seen nothing of it, and goes on to be used.
        np.testing.assert_array_equal(other(x), before)
        assert np.isfinite(used(other)).all() and np.isfinite(used(one)).all()
        held = {id(variable.value) for variable in model.variables}
        assert not held & {id(variable.value) for variable in clone.variables}
        print(name, first)
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
    assert len(done.stdout.splitlines()) == 8
