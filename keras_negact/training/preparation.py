"""Everything that training creates lazily, created before the first step."""

from typing import Any

import keras
import numpy as np


def build_for_training(model: keras.Model, batch: Any) -> None:
    """Make the variables of the model, its optimizer, its losses and its metrics.

    A backup restores into variables, so they have to be there, and under a distribution strategy
    they can't be made inside of a replica.

    Args:
        model: a compiled model.
        batch: a batch as the model is trained on; one example of it is used, no variable changes.
    """
    example = keras.tree.map_structure(lambda leaf: np.asarray(leaf[:1]), batch)
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(example)
    if not model.built or not model.variables:
        model(x)
    # Regularizers look for their variables among those that the scope was given.
    with keras.StatelessScope([(variable, variable) for variable in model.variables]):
        y_pred = model(x, training=False)
        model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        model.compute_metrics(x, y, y_pred, sample_weight)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
