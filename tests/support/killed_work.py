"""Work that is killed at any time and begun again: a server that forks a process for each life.

    python -m tests.support.killed_work

Reads lines of JSON, `[job, folder]`, and answers `pid N`, then what the job prints, then `ended
STATUS`. TensorFlow is imported once, and used in the forked processes alone.
"""

import gc
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_negact import LENI
from keras_negact.comparison import checkpoint, compare_activations
from keras_negact.training import Backup, fit, make_strategy
from tests.support.comparisons import tiny_data, tiny_network
from tests.support.small_training import small_data
from tests.support.toy_search import Toy, points_of, toy_tuner

EPOCHS = 8


class TakeTime(keras.callbacks.Callback):
    """Tells that training has begun, and makes steps long enough to be hit."""

    def on_train_begin(self, logs=None):
        print("begun", flush=True)

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.02)


def train(folder: pathlib.Path, strategy: str = "none", replicas: int | None = None) -> None:
    x, y = small_data(examples=150)
    with make_strategy(strategy, replicas).scope():
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [
                keras.Input((8,)),
                keras.layers.Dense(16),
                keras.layers.BatchNormalization(),
                LENI(),
                keras.layers.Dropout(0.0 if replicas else 0.3),
                keras.layers.Dense(3),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    callbacks = [
        TakeTime(),
        keras.callbacks.CSVLogger(folder / "history.csv"),
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.1, factor=0.7),
        Backup(folder / "backup", save_every=3),
    ]
    history = fit(model, x, y, epochs=EPOCHS, batch_size=10, verbose=0, callbacks=callbacks)
    assert history.epoch == list(range(EPOCHS)), history.epoch
    np.savez(folder / "result.npz", *model.get_weights(), history.history["loss"])


def mirrored(folder: pathlib.Path) -> None:
    train(folder, "mirrored", 2)


def search(folder: pathlib.Path) -> None:
    def take_time(run, width, height):
        if run == 1:
            print("begun", flush=True)
        time.sleep(0.1)

    tuner = toy_tuner("random", folder, Toy(take_time), max_trials=12)
    tuner.search(verbose=0)
    assert len(list((folder / "search").glob("trial_*"))) == 12
    np.savez(folder / "result.npz", points_of(tuner))


def compare(folder: pathlib.Path) -> None:
    checkpoint.SECONDS_BETWEEN = 0.0

    def build():
        print("begun", flush=True)
        return tiny_network(dropout=0.3)

    compare_activations(
        {"relu": build, "other": lambda: tiny_network(width=5)},
        tiny_data(),
        seeds=2,
        epochs=4,
        output_dir=folder,
        verbose=0,
    )
    lines = (folder / "runs.jsonl").read_text().splitlines()
    runs = sorted(
        (json.loads(line) for line in lines), key=lambda run: (run["variant"], run["seed"])
    )
    keys = ("test_accuracy", "validation_accuracy", "train_accuracy", "seed")
    np.savez(folder / "result.npz", [[run[key] for key in keys] for run in runs])


JOBS = {"train": train, "mirrored": mirrored, "search": search, "compare": compare}


def main() -> None:
    # So that nobody looks through TensorFlow's own objects in every life.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        job, folder = json.loads(line)
        process = os.fork()
        if process == 0:
            status = 1
            try:
                print(f"pid {os.getpid()}", flush=True)
                JOBS[job](pathlib.Path(folder))
                status = 0
            except BaseException as error:
                print(repr(error), flush=True)
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(f"\nended {status}", flush=True)


if __name__ == "__main__":
    main()
