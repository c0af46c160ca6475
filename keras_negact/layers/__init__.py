"""The layers, one a file."""

from keras_negact.layers.leni import LENI
from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.layers.retina import RetinalOpponency

__all__ = ["LENI", "OnOffReLU", "RetinalOpponency"]
