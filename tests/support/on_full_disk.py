"""A script on a small disk that fills up in the middle of the work, and is emptied again.

python on_full_disk.py FOLDER

`FOLDER` is on that disk. Prints for every kind of work what was said, and what it was worth to go
on.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import keras_tuner

from keras_negact.comparison import checkpoint, compare_activations
from keras_negact.training import Backup, fit
from keras_negact.tuning import RandomSearch
from tests.support.comparisons import tiny_data, tiny_network
from tests.support.small_training import largest_difference, small_data, small_model


class Disk:
    def __init__(self, folder: pathlib.Path):
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            for size in (2**16, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def empty(self) -> None:
        self._filler.unlink(missing_ok=True)


class FillAt(keras.callbacks.Callback):
    def __init__(self, disk: Disk, epoch: int):
        super().__init__()
        self.disk, self.epoch = disk, epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.disk.fill()


def said(work) -> str:
    try:
        work()
    except (OSError, keras_tuner.errors.FatalError) as error:
        return str(error)
    return "nothing"


def training(folder: pathlib.Path, disk: Disk) -> dict:
    x, y = small_data()

    def train(name, *callbacks):
        model = small_model()
        arguments = {"batch_size": 10, "epochs": 4, "verbose": 0}
        fit(model, x, y, callbacks=[Backup(folder / name), *callbacks], **arguments)
        return model

    whole = train("whole")
    answer = said(lambda: train("cut", FillAt(disk, 2)))
    disk.empty()
    return {"said": answer, "difference": largest_difference(whole, train("cut"))}


def search(folder: pathlib.Path, disk: Disk) -> dict:
    built = []

    def build(hp):
        built.append(hp.Choice("width", [8, 16, 32, 64, 128, 256]))
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(built[-1])])
        model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
        return model

    def run(*callbacks):
        tuner = RandomSearch(build, "val_loss", max_trials=3, seed=1, directory=folder)
        x, y = small_data()
        fitted = {"epochs": 2, "validation_data": (x, y), "callbacks": list(callbacks)}
        tuner.search(x, y, verbose=0, **fitted)
        return tuner

    class FillInSecondTrial(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 0 and list((folder / "search").glob("trial_*/checkpoint.weights.h5")):
                disk.fill()

    answer = said(lambda: run(FillInSecondTrial()))
    disk.empty()
    tuner = run()
    return {"said": answer, "finished": len(tuner.finished_trials())}


def comparison(folder: pathlib.Path, disk: Disk) -> dict:
    checkpoint.SECONDS_BETWEEN = 0.0
    fills = {"next": False}

    def build():
        if fills["next"]:
            disk.fill()
        return tiny_network()

    def compare(name):
        variants = {"relu": build, "other": lambda: tiny_network(width=5)}
        summary = compare_activations(
            variants, tiny_data(), seeds=1, epochs=2, output_dir=folder / name, verbose=0
        )
        return {one.variant: one.score for one in summary.variants}

    whole = compare("comparison")
    fills["next"] = True
    answer = said(lambda: compare("cut"))
    fills["next"] = False
    disk.empty()
    return {"said": answer, "same": compare("cut") == whole}


def main(directory: str) -> None:
    folder = pathlib.Path(directory)
    disk = Disk(folder)
    found = {work.__name__: work(folder, disk) for work in (training, search, comparison)}
    print("FOUND " + json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
