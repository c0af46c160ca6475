"""A small network trained on real 8x8 digits, in seconds."""

import keras
import numpy as np
import pytest

from keras_negact import LENI


def digits():
    """Training and test images `(n, 8, 8, 1)` in [0, 1] with their labels."""
    data = pytest.importorskip("sklearn.datasets").load_digits()
    images = (data.images[..., None] / 16).astype("float32")
    order = np.random.default_rng(0).permutation(len(images))
    training, test = order[:1300], order[1300:]
    return images[training], data.target[training], images[test], data.target[test]


def trained_leni_network(images, labels) -> keras.Model:
    """Convolutions with batch normalization, a sum, and LENIs that are no longer at their start."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), name="images")
    x = _block(inputs, 16)
    x = keras.layers.MaxPooling2D(2)(x)
    y = _block(x, 16)
    x = LENI()(keras.layers.Add()([x, keras.layers.Conv2D(16, 3, padding="same")(y)]))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(10, name="logits")(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    model.fit(images, labels, batch_size=32, epochs=10, verbose=0)
    return model


def _block(x, filters):
    x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    return LENI()(keras.layers.BatchNormalization(momentum=0.9)(x))
