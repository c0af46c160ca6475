"""What `ActivationMonitor` costs of the time that a network trains.

    python benchmarks/monitor.py

Two measurements, and `benchmarks/results/monitor.json`:

* a ResNet-20 with LENI on images of 32 x 32: a step of training on 128 of them and what the
  monitor does at an epoch's end take turns; told is the share of an epoch of 45,000 images;
* a ResNet-8 on scikit-learn's digits, whose epochs take about a second: a training of 40 epochs
  with the monitor as it is by default; told is the share of the whole, and how often it measured.
"""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from _accuracy_data import raw_images
from _timing import interleaved, write_result

from keras_negact.analysis import ActivationMonitor
from keras_negact.models import cifar_resnet

BATCH, EPOCH = 128, 45_000


def main():
    record = {"command": "python benchmarks/monitor.py"}
    record |= {"resnet20": share_of_an_epoch(), "digits": share_of_a_training()}
    for name, values in record.items():
        print(name, values)
    print(write_result("monitor", record))


def share_of_an_epoch() -> dict:
    random = np.random.default_rng(0)
    images = random.normal(size=(BATCH, 32, 32, 3)).astype("float32")
    labels = random.integers(0, 10, BATCH)
    model = compiled(cifar_resnet(20, activation="leni"))
    model.train_on_batch(images, labels)
    monitor = ActivationMonitor(images)
    monitor.set_model(model)

    def measure():
        # The first epoch is always measured.
        monitor.on_train_begin()
        monitor.on_epoch_begin(0)
        monitor.on_epoch_end(0, {})

    start = time.perf_counter()
    measure()
    first = time.perf_counter() - start
    times = interleaved(
        {"step": lambda: model.train_on_batch(images, labels), "measurement": measure}, repeats=9
    )
    epoch = -(-EPOCH // BATCH) * times["step"]["median_ms"] / 1e3
    later = times["measurement"]["median_ms"] / 1e3
    return {
        **times,
        "first_measurement_s": round(first, 3),
        "epoch_s": round(epoch, 1),
        "share_of_the_first_epoch": round(first / epoch, 5),
        "share_of_another_epoch": round(later / epoch, 5),
    }


class Timed(ActivationMonitor):
    """Tells how long it took."""

    seconds = 0.0

    def on_epoch_end(self, epoch, logs=None):
        start = time.perf_counter()
        super().on_epoch_end(epoch, logs)
        self.seconds += time.perf_counter() - start


def share_of_a_training(epochs: int = 40) -> dict:
    images, labels = raw_images("digits")
    images = images[:, ::2, ::2].astype("float32") / 255
    model = compiled(cifar_resnet(8, input_shape=(8, 8, 1), activation="leni"))
    monitor = Timed(images)
    start = time.perf_counter()
    model.fit(images, labels, batch_size=64, epochs=epochs, verbose=0, callbacks=[monitor])
    whole = time.perf_counter() - start
    return {
        "epochs": epochs,
        "training_s": round(whole, 1),
        "measured_after_epochs": [record["epoch"] + 1 for record in monitor.records],
        "share": round(monitor.seconds / whole, 5),
    }


def compiled(model: keras.Model) -> keras.Model:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, 0.9), loss)
    return model


if __name__ == "__main__":
    main()
