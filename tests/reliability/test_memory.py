"""Memory and file descriptors over a hundred clones."""

import gc
import os
import pathlib

import keras
import pytest

from keras_negact import clone_with_activation
from tests.support.backends import tensorflow_only

pytestmark = [pytest.mark.slow, tensorflow_only]


def network():
    inputs = keras.Input((16, 16, 3))
    x = inputs
    for filters in (16, 32):
        x = keras.layers.Conv2D(filters, 3, padding="same")(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(10, activation="relu")(x))


def resident():
    """Bytes of memory that this process holds."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def held():
    gc.collect()
    variables = sum(isinstance(one, keras.Variable) for one in gc.get_objects())
    return variables, len(os.listdir("/proc/self/fd")), resident()


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
@pytest.mark.parametrize("activation", ["leni", "on_off_relu"])
def test_nothing_is_held_by_clones_that_are_gone(activation, capsys):
    source = network()
    images = keras.ops.ones((2, 16, 16, 3))

    def clone(times):
        for _ in range(times):
            clone_with_activation(source, activation)(images)
        return held()

    clone(20)
    variables, descriptors, memory = clone(30)
    later = clone(50)
    with capsys.disabled():
        growth = (later[2] - memory) / 1e6
        print(f"\n{activation}: 100 clones, {growth:+.1f} MB over the last 50", flush=True)
    # Fewer where what earlier tests held was let go of meanwhile.
    assert later[0] <= variables
    assert later[1] <= descriptors
    assert later[2] - memory < 5e6
