"""What a network costs: parameters and multiply-adds."""

import math

import keras

from keras_negact.graph import is_graph_model, read_graph
from keras_negact.surgery.costs import Costs


def parameters(model: keras.Model) -> int:
    """The trainable weights; moving statistics of batch normalization are none."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def multiply_adds(model: keras.Model) -> int | None:
    """Multiply-adds for one example, as plans of swaps count them.

    Normalizations, pooling, sums and rectifiers are not counted. `None` for a subclassed model,
    whose graph cannot be read.
    """
    return Costs(read_graph(model)).multiply_adds() if is_graph_model(model) else None
