"""The layers, one a file."""

# Saved networks may hold them: they load wherever the package was imported.
from keras_negact.layers import rivals as _rivals  # noqa: F401
from keras_negact.layers.leni import LENI
from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.layers.retina import RetinalOpponency

__all__ = ["LENI", "OnOffReLU", "RetinalOpponency"]
