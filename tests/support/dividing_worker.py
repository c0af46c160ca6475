"""A script for one worker that reads its own files alone.

    python dividing_worker.py FOLDER [EPOCH:STEP [SAVE_EVERY]]

`FOLDER` holds `file*.npz`. With an epoch and a step, worker 1 is killed after that one. A backup is
made at every step, or as it is said.
"""

import json
import os
import pathlib
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

EPOCHS, BATCH = 3, 4


def network() -> keras.Model:
    keras.utils.set_random_seed(4)
    inputs = keras.Input((8,))
    hidden = keras.layers.Dense(6, activation="relu", kernel_regularizer="l2")(inputs)
    outputs = [keras.layers.Dense(3, name="p")(hidden), keras.layers.Dense(1, name="q")(hidden)]
    model = keras.Model(inputs, outputs)
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.SGD(0.02, 0.9, clipnorm=1.0),
        [crossentropy, "mse"],
        metrics=[["accuracy"], ["mae"]],
    )
    return model


def batches_of(folder: pathlib.Path, epoch: int, worker: int, workers: int) -> list[tuple]:
    """What a worker reads: every so many-th file, in an order of its own for each epoch."""
    paths = sorted(folder.glob("file*.npz"))[worker::workers]
    parts = []
    for path in paths:
        with np.load(path) as file:
            parts.append((file["x"], file["y"], file["q"]))
    if not parts:
        return []
    x, y, q = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.random.default_rng([epoch, worker]).permutation(len(x))
    return [
        (x[order[i : i + BATCH]], y[order[i : i + BATCH]], q[order[i : i + BATCH]])
        for i in range(0, len(x), BATCH)
    ]


def dataset(folder: pathlib.Path, epoch: int, worker: int, workers: int) -> tf.data.Dataset:
    signature = (
        tf.TensorSpec([None, 8], "float32"),
        (tf.TensorSpec([None], "int64"), tf.TensorSpec([None, 1], "float32")),
    )
    made = tf.data.Dataset.from_generator(
        lambda: batches_of(folder, epoch, worker, workers),
        output_signature=(signature[0], *signature[1]),
    )
    return made.map(lambda x, y, q: (x, (y, q)))


class Killed(keras.callbacks.Callback):
    def __init__(self, at: str):
        super().__init__()
        self.at = tuple(map(int, at.split(":")))
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def main(directory: str, accident: str | None = None, save_every: str | int = 1) -> None:
    from keras_negact.training import Backup, fit, make_strategy

    folder = pathlib.Path(directory)
    strategy = make_strategy("auto")
    with strategy.scope():
        model = network()
    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    seen = []

    def mine(epoch, worker, workers):
        assert worker == index
        seen.append([epoch, worker, workers])
        return dataset(folder, epoch, worker, workers)

    x, y, q = batches_of(folder, 0, 0, 1)[0]
    more = [Killed(accident)] if accident and index == 1 else []
    history = fit(
        model,
        mine,
        epochs=EPOCHS,
        verbose=2,
        validation_data=(x, [y, q]),
        callbacks=[Backup(folder / "backup", save_every), *more],
    )
    np.savez(folder / f"weights{index}.npz", *model.get_weights())
    (folder / f"history{index}.json").write_text(json.dumps(history.history))


if __name__ == "__main__":
    main(*sys.argv[1:])
