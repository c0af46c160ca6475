"""Which function an activation layer, an `activation=` argument or an operation node computes."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers, ops

from keras_negact.layers.leni import LENI
from keras_negact.layers.on_off_relu import OnOffReLU

RECTIFIERS_AND_SMOOTH = (
    "relu",
    "relu6",
    "capped_relu",
    "relu_variant",
    "leaky_relu",
    "prelu",
    "elu",
    "selu",
    "celu",
    "silu",
    "gelu",
    "gelu_tanh",
    "hard_silu",
    "mish",
)
BOUNDED = (
    "sigmoid",
    "hard_sigmoid",
    "sparse_sigmoid",
    "tanh",
    "hard_tanh",
    "softsign",
    "softmax",
    "sparsemax",
)
# They look at all channels at once, or change their number.
ACROSS_CHANNELS = ("softmax", "log_softmax", "sparsemax", "glu")

_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}
# Operation classes have no public names; their class names are what tells them apart.
_OPERATIONS = {
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Silu": "silu",
    "HardSilu": "hard_silu",
    "Mish": "mish",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Squareplus": "squareplus",
    "LogSigmoid": "log_sigmoid",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "SparseSigmoid": "sparse_sigmoid",
    "Tanh": "tanh",
    "HardTanh": "hard_tanh",
    "TanhShrink": "tanh_shrink",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Sparsemax": "sparsemax",
    "Glu": "glu",
}
# Every library means the same by these, so that Keras's own can stand for theirs.
_SAME_EVERYWHERE = ("relu", "relu6", "silu", "selu", "elu", "mish")
_LIBRARIES = ("keras", "tensorflow", "jax", "torch")


@dataclass(frozen=True)
class Function:
    """The function of an activation.

    Attributes:
        name: its name, as in `keras.activations` where Keras has it.
        make: makes what `LENI(activation=...)` takes to compute it: a name, a function or a layer.
        max_value: where the function is a rectifier with a cap, the cap.
        layer: the source's own layer where the function is one with weights.
    """

    name: str
    make: Callable
    max_value: float | None = None
    layer: keras.Layer | None = None


@keras.saving.register_keras_serializable(package="keras_negact")
def gelu_tanh(x):
    """GELU in the tanh approximation, which `keras.ops.gelu` computes unless told otherwise."""
    return ops.gelu(x, approximate=True)


def standalone_function(operation) -> Function | None:
    """The function of an activation layer or an activation operation; `None` for all others."""
    if isinstance(operation, layers.ReLU):
        return _relu(operation.max_value, operation.negative_slope, operation.threshold)
    if isinstance(operation, layers.LeakyReLU):
        return _leaky(operation.negative_slope)
    if isinstance(operation, layers.ELU):
        return _elu(operation.alpha)
    if isinstance(operation, layers.PReLU):
        return Function("prelu", lambda: _copy(operation), layer=operation)
    if isinstance(operation, layers.Softmax):
        return _named("softmax")
    if isinstance(operation, LENI):
        return Function("leni", lambda: _copy(operation), layer=operation)
    if isinstance(operation, OnOffReLU):
        return Function("on_off_relu", lambda: _copy(operation), layer=operation)
    if isinstance(operation, layers.Activation):
        return argument_function(operation.activation)
    if isinstance(operation, keras.Layer):
        return None
    return _operation_function(operation)


def argument_function(activation) -> Function | None:
    """The function of what was given as `activation=`; `None` for linear ones."""
    if activation is None:
        return None
    if isinstance(activation, keras.Layer):
        return standalone_function(activation) or Function(
            type(activation).__name__, lambda: _copy(activation), layer=activation
        )
    name = getattr(activation, "__name__", type(activation).__name__)
    name = _ALIASES.get(name, name)
    if name == "linear":
        return None
    if getattr(keras.activations, name, None) is activation:
        return _named(name)
    library = (getattr(activation, "__module__", None) or "").split(".")[0]
    if library in _LIBRARIES and name in _SAME_EVERYWHERE:
        return _named(name)
    known = library in (*_LIBRARIES, "keras_negact")
    return Function(name if known else f"custom {name}", lambda: activation)


def _operation_function(operation) -> Function | None:
    kind = type(operation).__name__
    if kind == "ReLU":
        return _relu(operation.max_value, operation.negative_slope, operation.threshold)
    if kind == "LeakyRelu":
        return _leaky(operation.negative_slope)
    if kind == "Elu":
        return _elu(operation.alpha)
    if kind == "Gelu":
        return Function("gelu_tanh", lambda: gelu_tanh) if operation.approximate else _named("gelu")
    if kind == "Celu":
        alpha = operation.alpha
        return _named("celu") if alpha == 1 else Function(f"celu(alpha={alpha})", lambda: None)
    return _named(_OPERATIONS[kind]) if kind in _OPERATIONS else None


def _relu(max_value, negative_slope, threshold) -> Function:
    if not threshold and not negative_slope:
        if max_value is None:
            return _named("relu")
        if max_value == 6:
            return Function("relu6", lambda: "relu6", max_value=6)
        return Function("capped_relu", lambda: layers.ReLU(max_value), max_value=max_value)
    if not threshold and max_value is None:
        return _leaky(negative_slope)
    return Function("relu_variant", lambda: layers.ReLU(max_value, negative_slope, threshold))


def _leaky(negative_slope) -> Function:
    return Function("leaky_relu", lambda: layers.LeakyReLU(float(negative_slope)))


def _elu(alpha) -> Function:
    return _named("elu") if alpha == 1 else Function("elu", lambda: layers.ELU(alpha))


def _named(name: str) -> Function:
    return Function(name, lambda: name, max_value=6 if name == "relu6" else None)


def _copy(layer: keras.Layer) -> keras.Layer:
    return type(layer).from_config(layer.get_config())
