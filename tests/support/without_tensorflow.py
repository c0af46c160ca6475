"""What works where TensorFlow is not installed: run as a script, on JAX or PyTorch.

An import of TensorFlow fails here even where it is installed.
"""

import os
import pathlib
import sys
import tempfile

sys.modules["tensorflow"] = None
os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

import keras_negact
from keras_negact import datasets, training
from keras_negact.analysis import ActivationMonitor, negative_information_report
from keras_negact.comparison import activation_variants, array_data, compare_activations
from keras_negact.models import cifar_resnet, on_off_cnn
from keras_negact.training import Backup, evaluate, fit

X = np.random.default_rng(0).normal(size=(24, 8, 8, 3)).astype("float32")
Y = np.arange(24) % 10


def network() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, padding="same"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )


def swapped_saved_and_folded(folder: pathlib.Path) -> None:
    model = network()
    before = model.predict(X, verbose=0)
    for activation in ("leni", "on_off_relu"):
        new_model = keras_negact.clone_with_activation(model, activation)
        np.testing.assert_allclose(new_model.predict(X, verbose=0), before, atol=1e-5)
        new_model.save(folder / f"{activation}.keras")
        loaded = keras.models.load_model(folder / f"{activation}.keras")
        folded = keras_negact.fold_for_inference(loaded)
        np.testing.assert_allclose(folded.predict(X, verbose=0), before, atol=1e-4)


def models_trained_and_watched(folder: pathlib.Path) -> None:
    cifar_resnet(8, input_shape=(8, 8, 3), activation="leni")
    on_off_cnn(input_shape=(8, 8, 3), num_classes=10)
    model = keras_negact.clone_with_activation(network(), "leni")
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    monitor = ActivationMonitor(X, every_epochs=1)
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[monitor]).history
    assert history["loss"][1] < history["loss"][0]
    assert len(monitor.records) == 2
    report = negative_information_report(network(), X, verbose=0)
    assert "discarded" in str(report)


def arrays_compared(folder: pathlib.Path) -> None:
    part = (X, Y)
    summary = compare_activations(
        activation_variants(network, ["relu", "leni"]),
        array_data("noise", part, part, part, 8),
        seeds=2,
        epochs=1,
        output_dir=folder,
        verbose=0,
    )
    assert "leni" in str(summary)
    assert (folder / "differences.png").stat().st_size > 0


def training_backed_up(folder: pathlib.Path) -> None:
    model = network()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(model, X, Y, batch_size=8, epochs=1, verbose=0, callbacks=[Backup(folder)])
    again = network()
    again.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(again, X, Y, batch_size=8, epochs=1, verbose=0, callbacks=[Backup(folder)])
    assert evaluate(again, X, Y, verbose=0) == evaluate(model, X, Y, verbose=0)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def every_name_is_there(folder: pathlib.Path) -> None:
    # `tuning` needs the extra `tune`.
    for part in {*keras_negact._PARTS} - {"tuning"}:
        exec(f"from keras_negact.{part} import *", {})
        module = getattr(keras_negact, part)
        assert {*module.__all__} <= {*dir(module)}


def what_needs_tensorflow_says_so(folder: pathlib.Path) -> None:
    with pytest.raises(ImportError, match=r"`tensorflow`.*keras_negact\[tensorflow\]"):
        datasets.load_dataset("digits", 32)
    with pytest.raises(ImportError, match=r"`tensorflow`.*keras_negact\[tensorflow\]"):
        training.make_strategy("none")


CHECKS = (
    swapped_saved_and_folded,
    models_trained_and_watched,
    arrays_compared,
    training_backed_up,
    every_name_is_there,
    what_needs_tensorflow_says_so,
)

if __name__ == "__main__":
    for check in CHECKS:
        with tempfile.TemporaryDirectory() as name:
            check(pathlib.Path(name))
        print(check.__name__, flush=True)
