"""Tiny data, networks and made-up runs for tests of the comparison."""

import keras
import numpy as np

from keras_negact.comparison import array_data


def tiny_data(name="stripes", batch_size=16, **augmentation):
    """Images of 6 x 6 with horizontal or vertical stripes, told apart by their direction."""
    generator = np.random.default_rng(0)

    def examples(count):
        labels = generator.integers(0, 2, count)
        stripes = np.zeros((count, 6, 6, 1), "uint8")
        stripes[labels == 0, ::2] = 200
        stripes[labels == 1, :, ::2] = 200
        noise = generator.integers(0, 55, stripes.shape, "uint8")
        return stripes + noise, labels

    return array_data(name, examples(40), examples(16), examples(16), batch_size, **augmentation)


def tiny_network(width=4, dropout=0.0, activation="relu"):
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(width, 3, use_bias=False, name="convolution"),
            keras.layers.BatchNormalization(name="normalization"),
            keras.layers.Activation(activation, name="activation"),
            keras.layers.Dropout(dropout, name="dropout"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(2, name="logits"),
        ],
        name="tiny",
    )


def made_up_run(variant, seed, accuracy, **changes):
    """A line of a results file, as no network has written it."""
    return {
        "activation": variant,
        "variant": variant,
        "seed": seed,
        "model": "made_up",
        "dataset": "none",
        "parameters": 1000,
        "multiply_adds": 50_000,
        "optimizer": {},
        "protocol": {"dataset": "none", "epochs": 3, "evaluated_on": "test"},
        "test_accuracy": accuracy,
        "validation_accuracy": accuracy,
        "train_accuracy": None if accuracy is None else accuracy + 0.05,
        "seconds": 1.0,
        "hardware": {"processor": "made up", "cores": 2},
        **changes,
    }
