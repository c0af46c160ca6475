"""Two replicas take the step that one device takes."""

import subprocess
import sys

import numpy as np

from tests.support.backends import tensorflow_only

# Logical devices are made before TensorFlow starts, hence in a process of their own.
ONE_STEP_EACH = """
import sys
import keras
import numpy as np
import tensorflow as tf
from keras_negact import LENI, OnOffReLU, RetinalOpponency

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.config.set_visible_devices(cpu)

images = np.random.default_rng(0).uniform(-1, 1, size=(8, 8, 8, 3)).astype("float32")
labels = np.arange(8) % 3

def after_one_step():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((8, 8, 3)),
        RetinalOpponency(scales=1, learnable=True),
        keras.layers.Conv2D(4, 3),
        LENI(start="random"),
        keras.layers.Conv2D(4, 3),
        LENI(transform="pointwise", compression="pointwise", start="random"),
        OnOffReLU(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3),
    ])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    before = model.get_weights()
    model.fit(images, labels, batch_size=8, epochs=1, verbose=0)
    return before, model.get_weights()

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
before, alone = after_one_step()
with strategy.scope():
    _, together = after_one_step()
np.savez(sys.argv[1], before=np.concatenate([w.ravel() for w in before]),
         alone=np.concatenate([w.ravel() for w in alone]),
         together=np.concatenate([w.ravel() for w in together]))
"""


@tensorflow_only
def test_mirrored_step_equals_the_step_of_one_device(tmp_path):
    path = tmp_path / "weights.npz"
    subprocess.run([sys.executable, "-c", ONE_STEP_EACH, str(path)], check=True)
    weights = np.load(path)
    np.testing.assert_allclose(weights["together"], weights["alone"], rtol=1e-5, atol=1e-6)
    assert (weights["before"] != weights["alone"]).mean() > 0.95
