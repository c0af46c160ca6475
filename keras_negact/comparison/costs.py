"""What a network costs: parameters and multiply-adds."""

import math

import keras

from keras_negact.surgery import costs
from keras_negact.surgery.graph import is_graph_model
from keras_negact.surgery.trace import Trace, trace_model

_KERNELS_OF_ACTIVATIONS = ("kernel", "compression_kernel", "positive_scale", "negative_scale")


def parameters(model: keras.Model) -> int:
    """The trainable weights; moving statistics of batch normalization are none."""
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def multiply_adds(model: keras.Model) -> int | None:
    """Multiply-adds for one example: convolutions, dense layers, and activations with kernels.

    Normalizations, pooling, sums and functions without kernels are not counted. `None` for a
    subclassed model, whose graph cannot be read.
    """
    if not is_graph_model(model):
        return None
    trace = trace_model(model)
    return sum(_call_multiply_adds(trace, call) for call in trace.calls if call.inputs)


def _call_multiply_adds(trace: Trace, call) -> int:
    input_shape, output_shape = trace.shape(call.inputs[0]), trace.shape(call.outputs[0])
    layer = call.operation
    if costs.has_kernel(layer):
        places = costs.kernel_places(layer, input_shape, output_shape)
        return costs.layer_multiply_adds(layer, places)
    weights = getattr(layer, "weights", [])
    sizes = [math.prod(w.shape) for w in weights if w.name in _KERNELS_OF_ACTIVATIONS]
    if not sizes:
        return 0
    channels_first = getattr(layer, "data_format", None) == "channels_first"
    return sum(sizes) * costs.positions(input_shape, 1 if channels_first else -1)
