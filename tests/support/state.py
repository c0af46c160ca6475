"""Whether all state of a network is in its clone."""

import keras
import numpy as np
from keras import layers

from keras_negact import clone_with_activation
from tests.support.backends import to_numpy


def _outputs(model, x):
    return [to_numpy(y) for y in keras.tree.flatten(model(x))]


def check_state(model, x):
    clone = clone_with_activation(model)
    for y, z in zip(_outputs(model, x), _outputs(clone, x), strict=True):
        np.testing.assert_allclose(y, z, atol=1e-6)
    # Nothing swapped, so that the training step is the same too.
    copy = clone_with_activation(model, lambda site: None)
    labels = np.ones_like(_outputs(model, x)[0])
    for trained in (model, copy):
        trained.compile(keras.optimizers.SGD(0.1), "mse")
        trained.train_on_batch(x, labels)
    np.testing.assert_allclose(_outputs(model, x)[0], _outputs(copy, x)[0], atol=1e-6)
    return clone


def dense_behind(inputs, x):
    return keras.Model(inputs, layers.Dense(2)(layers.Dense(3, activation="relu")(x)))
