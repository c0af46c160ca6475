"""A scale and a shift for each channel, as a layer."""

import keras
import numpy as np
from keras import layers


def per_channel_affine(
    scale: np.ndarray, shift: np.ndarray, axis: int, name: str, dtype
) -> tuple[keras.Layer, dict[str, np.ndarray]]:
    """`scale * x + shift` as a layer of Keras's own at any rank, and its weights."""
    layer = layers.BatchNormalization(axis=axis, epsilon=0.0, name=name, dtype=dtype)
    weights = {"gamma": scale, "beta": shift}
    return layer, {**weights, "moving_mean": 0 * scale, "moving_variance": 0 * scale + 1}
