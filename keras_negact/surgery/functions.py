"""Which function an activation layer, an `activation=` argument or an operation node computes."""

import inspect

import keras
from keras import layers, ops

from keras_negact.graph import Call, copy_operation
from keras_negact.surgery.applied_operation import AppliedOperation
from keras_negact.surgery.registry import function_of
from keras_negact.surgery.vocabulary import Function

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
OPERATIONS = {
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
_OTHER_LIBRARIES = ("tensorflow", "jax", "torch")


@keras.saving.register_keras_serializable(package="keras_negact")
def gelu_tanh(x):
    """GELU in the tanh approximation, which `keras.ops.gelu` computes unless told otherwise."""
    return ops.gelu(x, approximate=True)


def argument_function(activation) -> Function | None:
    """The function of what was given as `activation=`; `None` for linear ones."""
    if activation is None:
        return None
    if isinstance(activation, keras.Layer):
        return function_of(activation) or of_layer(activation)
    name = getattr(activation, "__name__", type(activation).__name__)
    name = _ALIASES.get(name, name)
    if name == "linear":
        return None
    if getattr(keras.activations, name, None) is activation:
        return named(name)
    others = comes_from_another_library(activation)
    if (others or _library_of(activation) == "keras") and name in _SAME_EVERYWHERE:
        return named(name)
    known = others or _library_of(activation) in ("keras", "keras_negact")
    return Function(name if known else f"custom {name}", lambda: activation)


def comes_from_another_library(activation) -> bool:
    """Whether it is a function such as `tf.nn.relu`."""
    return not isinstance(activation, type) and _library_of(activation) in _OTHER_LIBRARIES


def _library_of(function) -> str:
    return (getattr(function, "__module__", None) or "").split(".")[0]


def gelu(operation) -> Function:
    """The function of `keras.ops.gelu`."""
    return Function("gelu_tanh", lambda: gelu_tanh) if operation.approximate else named("gelu")


def celu(operation) -> Function:
    """The function of `keras.ops.celu`."""
    alpha = operation.alpha
    return named("celu") if alpha == 1 else Function(f"celu(alpha={alpha})", lambda: None)


def rectifier(max_value, negative_slope, threshold) -> Function:
    """A `ReLU`'s function."""
    if not threshold and not negative_slope:
        if max_value is None:
            return named("relu")
        if max_value == 6:
            return Function("relu6", lambda: "relu6", max_value=6)
        return Function("capped_relu", lambda: layers.ReLU(max_value), max_value=max_value)
    if not threshold and max_value is None:
        return leaky(negative_slope)
    return Function("relu_variant", lambda: layers.ReLU(max_value, negative_slope, threshold))


def leaky(negative_slope) -> Function:
    """A leaky ReLU's function."""
    return Function("leaky_relu", lambda: layers.LeakyReLU(float(negative_slope)))


def elu(alpha) -> Function:
    """An `ELU`'s function."""
    return named("elu") if alpha == 1 else Function("elu", lambda: layers.ELU(alpha))


def softmax(layer) -> Function:
    """A `Softmax`'s function."""
    return named("softmax") if layer.axis == -1 else Function("softmax", lambda: fresh_copy(layer))


def as_called(operation: keras.Operation, name: str) -> Function:
    """The function of an operation that Keras has by that name, with the operation's arguments."""
    defaults = inspect.signature(type(operation).__init__).parameters
    given = {key: x for key, x in vars(operation).items() if key in defaults and key != "name"}
    if all(x == defaults[key].default for key, x in given.items()):
        return named(name)
    return Function(name, lambda: AppliedOperation(copy_operation(operation)))


def of_layer(layer: keras.Layer) -> Function:
    """The function of a layer of which nothing more is known."""
    return Function(type(layer).__name__, lambda: fresh_copy(layer), layer=layer)


def of_operation(call: Call) -> Function | None:
    """The function of an operation of which nothing more is known, where it can be called alone."""
    places = [i for i, x in enumerate(call.args) if isinstance(x, keras.KerasTensor)]
    if len(places) != 1 or len(call.inputs) != 1 or call.masks:
        return None
    before, after = call.args[: places[0]], call.args[places[0] + 1 :]

    def make() -> keras.Layer:
        return AppliedOperation(copy_operation(call.operation), before, after, call.kwargs)

    return Function(type(call.operation).__name__, make)


def named(name: str) -> Function:
    """The function that Keras knows by that name."""
    return Function(name, lambda: name, max_value=6 if name == "relu6" else None)


def fresh_copy(layer: keras.Layer) -> keras.Layer:
    """The same layer, with weights of its own."""
    return copy_operation(layer)
