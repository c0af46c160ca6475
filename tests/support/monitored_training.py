"""A script for one worker or one process: trains under the monitor and checks what it logged.

    python monitored_training.py STRATEGY OUTPUT_DIRECTORY

Trains with `training.fit`, interrupted after two epochs of three and resumed; on two replicas with
`Model.fit` too.
"""

import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from keras_negact.analysis import ActivationMonitor, negative_information_report
from keras_negact.training import Backup, fit, make_strategy

IMAGES = np.random.default_rng(0).normal(size=(40, 6, 6, 2)).astype("float32")
LABELS = np.arange(40) % 3


def network(strategy) -> keras.Model:
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras.Sequential(
            [
                keras.Input((6, 6, 2)),
                keras.layers.Conv2D(4, 3),
                keras.layers.ReLU(name="first"),
                keras.layers.Conv2D(5, 3, activation="relu", name="second"),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(3),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.05), loss)
    return model


def check(model, monitor, history, epochs) -> None:
    assert [record["epoch"] for record in monitor.records] == epochs
    expected = negative_information_report(model, [IMAGES[:32]], verbose=0)
    for site in expected.sites:
        for measure in ("units_without_gradient", "discarded_energy"):
            logged = history.history[f"{measure}/{site.path}"]
            assert len(logged) == 3
            assert abs(logged[-1] - getattr(site, measure)) < 1e-6


def main(name: str, directory: str) -> None:
    strategy = make_strategy(name, 2 if name == "mirrored" else None)
    common = {"batch_size": 20, "verbose": 0}
    for epochs in (2, 3):
        model = network(strategy)
        monitor = ActivationMonitor(IMAGES, every_epochs=1, per_site=True)
        backup = Backup(pathlib.Path(directory) / "backup")
        history = fit(model, IMAGES, LABELS, epochs=epochs, callbacks=[monitor, backup], **common)
    check(model, monitor, history, [2])
    if name == "mirrored":
        model = network(strategy)
        monitor = ActivationMonitor(IMAGES, every_epochs=1, per_site=True)
        history = model.fit(IMAGES, LABELS, epochs=3, callbacks=[monitor], **common)
        check(model, monitor, history, [0, 1, 2])
    print("checked")


if __name__ == "__main__":
    main(*sys.argv[1:])
