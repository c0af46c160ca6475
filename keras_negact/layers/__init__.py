"""The layers, one a file."""

# Saved networks may hold the rivals: they load wherever the package was imported.
from keras_negact.layers import rivals as _rivals  # noqa: F401
from keras_negact.layers.leni import LENI
from keras_negact.layers.looks_linear import LooksLinear
from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.layers.retina import RetinalOpponency
from keras_negact.layers.weight_decay import weights_without_decay

__all__ = ["LENI", "LooksLinear", "OnOffReLU", "RetinalOpponency", "weights_without_decay"]
