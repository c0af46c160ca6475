"""Activations that are not features: gates, which scale another branch, and heads."""

import math

import keras
from keras import layers

from keras_negact.surgery.functions import BOUNDED, standalone_function
from keras_negact.surgery.trace import Call, Trace

# Operation classes have no public names; their class names are what tells them apart.
_PRODUCTS = ("Multiply",)
_SCALINGS = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative", "Cast", "Reshape")
_SCALING_LAYERS = (
    layers.Identity,
    layers.Rescaling,
    layers.Reshape,
    layers.RepeatVector,
    layers.UpSampling1D,
    layers.UpSampling2D,
    layers.UpSampling3D,
    layers.Dropout,
)
_UNCHANGED = (layers.Identity, layers.Dropout, keras.layers.InputLayer)


def is_gate(trace: Trace, activation: int) -> bool:
    """Whether the tensor, an activation's output, serves to scale another branch.

    Followed through constants that are added or multiplied and through changes of shape, a gate
    ends in a product with something else: `ReLU(6)(x + 3) * (1 / 6)` in MobileNetV3. The other
    factor is the gated one when it is larger (the gate is broadcast), when the gate was computed
    from it, or when neither comes from the other and it is not itself bounded. It is the gate when
    it was computed from this activation, as in squeeze-and-excitation.
    """
    pending, seen = [activation], {activation}
    while pending:
        tensor = pending.pop()
        for call in trace.consumers.get(tensor, ()):
            others = [number for number in call.inputs if number != tensor]
            if others and _is_product(call):
                if any(_gates(trace, tensor, other, activation) for other in others):
                    return True
            elif not others and _is_scaling(call):
                new = [number for number in call.outputs if number not in seen]
                seen.update(new)
                pending += new
    return False


def is_hard_sigmoid(trace: Trace, call: Call) -> bool:
    """Whether a ReLU6 is the middle of `relu6(x + 3) / 6`, however the sixth is written."""
    before = trace.producers.get(call.inputs[0])
    return (
        before is not None
        and type(before.operation).__name__ == "Add"
        and len(before.inputs) == 1
        and _constant(before) == 3
        and any(
            type(after.operation).__name__ in ("Multiply", "Divide", "TrueDivide")
            and len(after.inputs) == 1
            and any(
                math.isclose(_constant(after) or 0, sixth, rel_tol=1e-3) for sixth in (1 / 6, 6)
            )
            for after in trace.consumers.get(call.outputs[0], ())
        )
    )


def reaches_output_unchanged(trace: Trace, tensor: int) -> bool:
    """Whether the tensor, or what passes it on unchanged, is an output of the model."""
    pending = [tensor]
    while pending:
        number = pending.pop()
        if number in trace.outputs:
            return True
        for call in trace.consumers.get(number, ()):
            if isinstance(call.operation, _UNCHANGED) or _is_linear(call.operation):
                pending += call.outputs
    return False


def _gates(trace: Trace, gate: int, other: int, activation: int) -> bool:
    size, other_size = _size(trace, gate), _size(trace, other)
    if _depends_on(trace, other, activation):
        return False
    if None not in (size, other_size) and size != other_size:
        return size < other_size
    return not _is_bounded(trace, other)


def _size(trace: Trace, number: int) -> int | None:
    shape = trace.shape(number)[1:]
    return None if None in shape else math.prod(shape)


def _depends_on(trace: Trace, number: int, ancestor: int) -> bool:
    first = trace.position[id(trace.producers[ancestor])]
    pending, seen = [number], set()
    while pending:
        current = pending.pop()
        if current == ancestor:
            return True
        call = trace.producers[current]
        if current not in seen and trace.position[id(call)] > first:
            seen.add(current)
            pending += call.inputs
    return False


def _is_bounded(trace: Trace, number: int) -> bool:
    call = trace.producers[number]
    while not (is_activation(call.operation)) and _is_scaling(call) and len(call.inputs) == 1:
        call = trace.producers[call.inputs[0]]
    function = standalone_function(call.operation)
    name = function.name if function else _fused_name(call.operation)
    return name in BOUNDED


def is_activation(operation) -> bool:
    """Whether the operation is an activation and nothing else."""
    return standalone_function(operation) is not None


def _fused_name(operation) -> str | None:
    return getattr(getattr(operation, "activation", None), "__name__", None)


def _is_product(call: Call) -> bool:
    return isinstance(call.operation, layers.Multiply) or (
        type(call.operation).__name__ in _PRODUCTS
    )


def _is_scaling(call: Call) -> bool:
    operation = call.operation
    return (
        isinstance(operation, (*_SCALING_LAYERS, keras.layers.InputLayer))
        or _is_linear(operation)
        or (not isinstance(operation, keras.Layer) and type(operation).__name__ in _SCALINGS)
    )


def _is_linear(operation) -> bool:
    return isinstance(operation, layers.Activation) and operation.activation is (
        keras.activations.linear
    )


def _constant(call: Call) -> float | None:
    """The one number among what the call was given, where there is one."""
    given = keras.tree.flatten((call.node.args, call.node.kwargs))
    numbers = [value for value in given if isinstance(value, (int, float))]
    return numbers[0] if len(numbers) == 1 else None
