"""A small network and real images for tests of the search."""

import keras
import keras_tuner
import numpy as np
from sklearn.datasets import load_digits

from keras_negact.tuning import LENIHyperModel


def digits(examples: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """The first of scikit-learn's handwritten digits, 8 x 8, from -1 to 1."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1).astype("float32") / 8 - 1
    return images[:examples], labels[:examples].astype("int32")


def small_network() -> keras.Model:
    """Two stages: a ReLU on 8 x 8 with 8 channels, and one on 4 x 4 with 12."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, padding="same", name="first"),
            keras.layers.ReLU(name="first_relu"),
            keras.layers.Conv2D(12, 3, strides=2, padding="same", activation="relu", name="second"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10),
        ]
    )


def compile_arguments() -> dict:
    return {
        "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "metrics": ["accuracy"],
    }


def hyper_model(**arguments) -> LENIHyperModel:
    return LENIHyperModel(small_network, **{"compile": compile_arguments(), "seed": 0, **arguments})


def every_point(space: list) -> list[dict]:
    """All points of a space without continuous parameters, the conditional ones included.

    Args:
        space: keras-tuner's hyperparameters, parents before children.
    """
    points = [{}]
    for parameter in space:
        longer = []
        for point in points:
            active = all(point.get(one.name) in one.values for one in parameter.conditions)
            values = parameter.values if active else [None]
            longer += [point | ({parameter.name: value} if active else {}) for value in values]
        points = longer
    return points


def parameters_at(values: dict) -> keras_tuner.HyperParameters:
    """Hyperparameters with given values, of a space that is not known yet."""
    parameters = keras_tuner.HyperParameters()
    parameters.values = dict(values)
    return parameters
