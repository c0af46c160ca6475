"""The activations that LENI is measured against: they cost what their kernels do, and stay."""

from keras_negact.layers.rivals import FilteredReLU, FunnelReLU
from keras_negact.surgery.handlers.public import refuse
from keras_negact.surgery.registry import register


@register(FunnelReLU, FilteredReLU)
def _depthwise(layer):
    return refuse("it filters each channel", kernels=("kernel",))
