"""Slices of weights whose channels changed."""

import keras
import numpy as np

from keras_negact.surgery.channels import FRESH, ChannelMap
from keras_negact.surgery.handlers import Take


def taken(value: np.ndarray, steps: tuple[Take, ...], new: keras.Variable) -> np.ndarray:
    """The value of a weight whose channels changed."""
    fresh = np.zeros(new.shape, bool)
    for step in steps:
        channels = step.channels
        value = np.take(value, channels.source, step.axis)
        along = [1] * value.ndim
        along[step.axis] = -1
        if step.reads:
            counts = channels.coefficients.reshape(along)
            value = np.where(counts == 0, 0, value * counts.astype(value.dtype))
        fresh = fresh | (channels.part == FRESH).reshape(along)
    return np.where(fresh, np.asarray(new), value) if fresh.any() else value


def restoring_kernel(after: ChannelMap) -> np.ndarray:
    """The 1x1 convolution that takes doubled channels back to those of the source.

    It is `[I; 0]` behind a rectifier and `[pI; -aI]` behind `p relu(x) - a relu(-x)`.
    """
    kernel = np.zeros((len(after), after.width))
    kernel[np.arange(len(after)), after.source] = after.coefficients
    return kernel
