"""What a network costs: parameters, multiply-adds, and the time of a step and of inference."""

import math
import statistics
import time

import keras
import numpy as np

from keras_negact.graph import is_graph_model, read_graph
from keras_negact.surgery.costs import Costs


def parameters(model: keras.Model) -> int:
    """The trainable weights; moving statistics of batch normalization are none."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def multiply_adds(model: keras.Model) -> int | None:
    """Multiply-adds for one example, as plans of swaps count them.

    Normalizations, pooling, sums and functions without kernels are not counted. `None` for a
    subclassed model, whose graph cannot be read.
    """
    return Costs(read_graph(model)).multiply_adds() if is_graph_model(model) else None


def inference_milliseconds(model: keras.Model, images: np.ndarray, repeats: int = 10) -> float:
    """The median time of `predict_on_batch`, after two calls that do not count."""
    times = []
    for repeat in range(repeats + 2):
        start = time.perf_counter()
        model.predict_on_batch(images)
        if repeat >= 2:
            times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)
