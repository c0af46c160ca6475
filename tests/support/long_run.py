"""A script that trains for many epochs, and tells what the process holds meanwhile.

python long_run.py none|mirrored
"""

import json
import os
import pathlib
import resource
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from keras_negact.training import Backup, fit, make_strategy

EPOCHS, EARLY = 200, 50
# One batch takes 1 MiB, which a leak of one batch an epoch cannot hide.
BATCH, FEATURES = 32, 8192


class Held(keras.callbacks.Callback):
    """Megabytes in memory and open files at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.megabytes: list[float] = []
        self.files: list[int] = []

    def on_epoch_end(self, epoch, logs=None):
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
        self.megabytes.append(pages * resource.getpagesize() / 2**20)
        self.files.append(len(os.listdir("/proc/self/fd")))


def main(name: str) -> None:
    strategy = make_strategy(name, 2 if name == "mirrored" else None)
    with strategy.scope():
        model = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae"])
    x = np.random.default_rng(0).normal(size=(3 * BATCH, FEATURES)).astype("float32")
    held = Held()
    with tempfile.TemporaryDirectory() as folder:
        fit(
            model,
            x,
            x[:, :1],
            batch_size=BATCH,
            epochs=EPOCHS,
            verbose=0,
            validation_data=(x[:BATCH], x[:BATCH, :1]),
            callbacks=[Backup(folder, save_every=2), held],
        )
    assert len(held.megabytes) == EPOCHS
    found = {
        "batch": BATCH * FEATURES * 4 / 2**20,
        "megabytes": [held.megabytes[EARLY - 1], held.megabytes[-1]],
        "files": [held.files[EARLY - 1], held.files[-1]],
    }
    print("FOUND " + json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
