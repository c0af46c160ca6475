"""Slices of weights whose channels changed."""

import keras
import numpy as np

from keras_negact.surgery.channels import FRESH, ON, ChannelMap
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


def restoring_kernel(before: ChannelMap | None, width: int) -> np.ndarray:
    """The 1x1 convolution `[I; 0]` that takes the doubled channels back to those of the source."""
    if before is None or before.keeps_layout:
        return np.concatenate([np.eye(width), np.zeros((width, width))])
    kernel = np.zeros((2 * len(before), width))
    on = np.flatnonzero(before.part == ON)
    kernel[on, before.source[on]] = 1
    return kernel
