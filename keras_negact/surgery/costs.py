"""Parameters and multiply-adds, from shapes alone."""

import json
import math

import keras
from keras import layers

from keras_negact.layers.leni import LENI
from keras_negact.surgery.rules import Outcome
from keras_negact.surgery.sites import FUSED_LAYERS, Site

_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
_LENI_WEIGHTS = ("kernel", "compression_kernel", "positive_scale", "negative_scale")


def has_kernel(operation) -> bool:
    """Whether the multiply-adds of the operation are counted: convolutions and dense layers."""
    return isinstance(operation, FUSED_LAYERS)


def positions(shape: tuple, axis: int) -> int:
    """The places beside the channel axis; an axis of unknown size counts as one place."""
    sizes = [size for i, size in enumerate(shape) if i not in (0, axis % len(shape))]
    return math.prod(1 if size is None else size for size in sizes)


def kernel_places(layer: keras.Layer, input_shape: tuple, output_shape: tuple) -> int:
    """The places that the kernel of a convolution or dense layer is applied at."""
    shape = input_shape if isinstance(layer, _TRANSPOSED) else output_shape
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    return positions(shape, 1 if channels_first else -1)


def layer_multiply_adds(layer: keras.Layer, places: float, outcome: Outcome | None = None) -> float:
    """Multiply-adds of a convolution or dense layer whose kernel is applied at so many places."""
    names = [name for name in _KERNELS if getattr(layer, name, None) is not None]
    return places * sum(math.prod(weight_shape(layer, name, outcome)) for name in names)


def weight_shape(layer: keras.Layer, name: str, outcome: Outcome | None) -> tuple:
    """The shape of a weight once its channels have changed."""
    shape = list(getattr(layer, name).shape)
    for take in outcome.takes.get(name, ()) if outcome else ():
        shape[take.axis] = len(take.channels)
    return tuple(shape)


def parameters(operation: keras.Operation, outcome: Outcome | None = None) -> int:
    """The number of weights of an operation once its channels have changed."""
    if not isinstance(operation, keras.Layer):
        return 0
    total = sum(math.prod(weight.shape) for weight in operation.weights)
    for name in outcome.takes if outcome else ():
        before = math.prod(getattr(operation, name).shape)
        total += math.prod(weight_shape(operation, name, outcome)) - before
    return total


class Probe:
    """Counts the weights of the new layers, each kind of which is built once, and thrown away."""

    def __init__(self):
        self.counted: dict[str, tuple[int, int]] = {}

    def count(self, layer: keras.Layer, site: Site, width: int) -> tuple[int, int]:
        """Parameters, and multiply-adds a place, of a new layer on `width` channels."""
        shape = list(site.shape)
        shape[site.axis] = width
        config = layer.get_config()
        config.pop("name")
        key = json.dumps([config, shape], default=repr)
        if key not in self.counted:
            probe = type(layer).from_config(layer.get_config())
            # Called, for layers with layers in them may leave it to the call to build these.
            probe(keras.KerasTensor(shape, site.dtype))
            self.counted[key] = (probe.count_params(), _per_place(probe))
        return self.counted[key]


def compression_cost(width: int, channels: int) -> int:
    """Weights of the 1x1 convolution that brings a doubled width back."""
    return 2 * width * channels


def _per_place(layer: keras.Layer) -> int:
    names = _LENI_WEIGHTS if isinstance(layer, LENI) else ()
    weights = [getattr(layer, name, None) for name in names]
    return sum(math.prod(weight.shape) for weight in weights if weight is not None)
