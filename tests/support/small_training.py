"""Small networks and data for tests of training, and ways to interrupt it."""

import keras
import numpy as np

EXAMPLES = 53


def small_data(seed: int = 0, examples: int = EXAMPLES) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(examples, 8)).astype("float32")
    return x, np.argmax(x @ generator.normal(size=(8, 3)), axis=-1)


def small_model(optimizer="adam", dropout: float = 0.5, **compile_arguments) -> keras.Model:
    """Batch normalization, dropout and a slot-keeping optimizer: all kinds of state."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(3),
        ]
    )
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **compile_arguments,
    )
    return model


class Crash(RuntimeError):
    """Raised by `CrashAt`."""


class CrashAt(keras.callbacks.Callback):
    """Ends training at a step, as a kill would: nothing is saved or closed."""

    def __init__(self, epoch: int, step: int):
        super().__init__()
        self.at = (epoch, step)
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise Crash


def largest_difference(first: keras.Model, second: keras.Model) -> float:
    return max(
        float(np.abs(a - b).max())
        for a, b in zip(first.get_weights(), second.get_weights(), strict=True)
    )
