"""Activations that are not features: gates, which scale another branch, and heads."""

import math

from keras import layers

from keras_negact.graph import Call, Graph
from keras_negact.surgery.functions import BOUNDED, argument_function
from keras_negact.surgery.handlers import function_of, rule_of


def is_gate(graph: Graph, activation) -> bool:
    """Whether the tensor, an activation's output, serves to scale another branch.

    Followed through constants that are added or multiplied and through changes of shape, a gate
    ends in a product with something else: `ReLU(6)(x + 3) * (1 / 6)` in MobileNetV3. The other
    factor is the gated one when it is larger (the gate is broadcast), when the gate was computed
    from it, or when neither comes from the other and it is not itself bounded. It is the gate when
    it was computed from this activation, as in squeeze-and-excitation.
    """
    pending, seen = [activation], {activation}
    while pending:
        for call, tensor in graph.reads(pending.pop()):
            others = [other for other in call.inputs if other is not tensor]
            if others and _is_product(call):
                if any(_gates(graph, tensor, other, activation) for other in others):
                    return True
            elif not others and _passes_gates(call):
                new = [x for x in call.outputs if x not in seen]
                seen.update(new)
                pending += new
    return False


def is_hard_sigmoid(graph: Graph, call: Call) -> bool:
    """Whether a ReLU6 is the middle of `relu6(x + 3) / 6`, however the sixth is written."""
    return any(
        type(before.operation).__name__ == "Add"
        and len(before.inputs) == 1
        and _constant(before) == 3
        for before in graph.producers(call.inputs[0])
    ) and any(
        type(after.operation).__name__ in ("Multiply", "Divide", "TrueDivide")
        and len(after.inputs) == 1
        and any(math.isclose(_constant(after) or 0, sixth, rel_tol=1e-3) for sixth in (1 / 6, 6))
        for after in graph.readers(call.outputs[0])
    )


def reaches_output_unchanged(graph: Graph, tensor) -> bool:
    """Whether the tensor, or what passes it on unchanged, is an output of the model."""
    pending = [tensor]
    while pending:
        tensor = pending.pop()
        if graph.is_output(tensor) and tensor not in graph.made_in_steps:
            return True
        for call in graph.readers(tensor):
            rule = rule_of(call.operation)
            if rule is not None and rule.idle:
                pending += call.outputs
    return False


def _gates(graph: Graph, gate, other, activation) -> bool:
    size, other_size = _size(gate), _size(other)
    if _depends_on(graph, other, activation):
        return False
    if None not in (size, other_size) and size != other_size:
        return size < other_size
    return not _is_bounded(graph, other)


def _size(tensor) -> int | None:
    shape = tensor.shape[1:]
    return None if None in shape else math.prod(shape)


def _depends_on(graph: Graph, tensor, ancestor) -> bool:
    (origin,) = graph.producers(ancestor)
    first = graph.position[origin]
    pending, seen = graph.producers(tensor), set()
    while pending:
        call = pending.pop()
        if call is origin:
            return True
        if call not in seen and graph.position[call] > first:
            seen.add(call)
            within = call.body.outputs if call.body is not None else ()
            for x in (*call.inputs, *within):
                pending += graph.producers(x)
    return False


def _is_bounded(graph: Graph, tensor) -> bool:
    return all(_makes_bounded(graph, call) for call in graph.producers(tensor))


def _makes_bounded(graph: Graph, call: Call) -> bool:
    while function_of(call.operation) is None and _passes_gates(call) and len(call.inputs) == 1:
        call = graph.producers(call.inputs[0])[0]
    function = function_of(call.operation)
    if function is None:
        function = argument_function(getattr(call.operation, "activation", None))
    return function is not None and function.name in BOUNDED


def _is_product(call: Call) -> bool:
    return type(call.operation) is layers.Multiply or type(call.operation).__name__ == "Multiply"


def _passes_gates(call: Call) -> bool:
    rule = rule_of(call.operation)
    return rule is not None and rule.passes_gates


def _constant(call: Call) -> float | None:
    """The one number among what the call was given, where there is one."""
    numbers = [value for value in call.constants if isinstance(value, (int, float))]
    return numbers[0] if len(numbers) == 1 else None
