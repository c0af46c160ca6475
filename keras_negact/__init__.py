"""Keras layers that keep what ReLU throws away, and tools to put them into existing networks."""

from keras_negact._version import __version__
from keras_negact.layers.leni import LENI
from keras_negact.layers.looks_linear import LooksLinear
from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.layers.retina import RetinalOpponency
from keras_negact.surgery.folding import fold_for_inference, plan_folding
from keras_negact.surgery.swap import clone_with_activation, plan_activation_swap

__all__ = [
    "LENI",
    "LooksLinear",
    "OnOffReLU",
    "RetinalOpponency",
    "__version__",
    "clone_with_activation",
    "fold_for_inference",
    "plan_activation_swap",
    "plan_folding",
]
