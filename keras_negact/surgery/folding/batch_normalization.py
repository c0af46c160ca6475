"""Batch normalization in inference: a scale and a shift for each channel."""

import keras
import numpy as np
from keras import layers


def scale_and_shift(layer: layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """`y = scale * x + shift` of a built batch normalization that runs as in inference."""
    variance, mean = (np.asarray(x, "float64") for x in (layer.moving_variance, layer.moving_mean))
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma, "float64")
    shift = -mean * scale
    return scale, shift + np.asarray(layer.beta, "float64") if layer.center else shift


class Normalization:
    """A batch normalization that stays, as the place for what stands behind it.

    Args:
        layer: the layer, which stays as it is.
    """

    def __init__(self, layer: layers.BatchNormalization):
        self.layer, self.axis = layer, layer.axis
        self.gamma = np.asarray(layer.gamma, "float64") if layer.scale else 1.0
        self.beta = np.asarray(layer.beta, "float64") if layer.center else 0.0

    def scale_outputs(self, scale: np.ndarray, shift: np.ndarray) -> None:
        """Make `scale * y + shift` of the output `y`."""
        self.gamma, self.beta = self.gamma * scale, self.beta * scale + shift

    def rebuilt(self) -> tuple[dict, dict[str, np.ndarray]]:
        """What changes in the layer's config, and the values of its weights by attribute."""
        weights = {"gamma": self.gamma, "beta": self.beta}
        for name in ("moving_mean", "moving_variance"):
            weights[name] = np.asarray(getattr(self.layer, name), "float64")
        return {"scale": True, "center": True}, weights


def per_channel_affine(
    scale: np.ndarray, shift: np.ndarray, axis: int, name: str, dtype
) -> tuple[keras.Layer, dict[str, np.ndarray]]:
    """`scale * x + shift` as a layer of Keras's own at any rank, and its weights."""
    layer = layers.BatchNormalization(axis=axis, epsilon=0.0, name=name, dtype=dtype)
    weights = {"gamma": scale, "beta": shift}
    return layer, {**weights, "moving_mean": 0 * scale, "moving_variance": 0 * scale + 1}
