"""Memory and file descriptors over a hundred clones, after a hundred."""

import gc
import multiprocessing
import os
import pathlib
from concurrent.futures import ProcessPoolExecutor

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
    while gc.collect():  # What a finalizer lets go of is found by the next pass.
        pass
    variables = sum(isinstance(one, keras.Variable) for one in gc.get_objects())
    return variables, len(os.listdir("/proc/self/fd")), resident()


def two_hundred_clones(activation):
    """What is held after the first hundred, by when the allocator has settled, and at the end."""
    source = network()
    images = keras.ops.ones((2, 16, 16, 3))

    def clone(times):
        for _ in range(times):
            clone_with_activation(source, activation)(images)
        return held()

    return clone(100), clone(100)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
@pytest.mark.parametrize("activation", ["leni", "on_off_relu"])
def test_nothing_is_held_by_clones_that_are_gone(activation, capsys):
    # In a process of their own: what other tests have left, and let go of meanwhile, is not theirs.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        before, later = process.submit(two_hundred_clones, activation).result()
    with capsys.disabled():
        growth = (later[2] - before[2]) / 1e6
        print(f"\n{activation}: {growth:+.1f} MB over 100 clones", flush=True)
    assert later[0] <= before[0]
    assert later[1] <= before[1]
    assert later[2] - before[2] < 5e6
