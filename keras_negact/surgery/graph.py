"""The graph that Keras recorded: which operation was called on which tensors, in which order.

Keras offers the operations of a model in public (`model.operations`), but not their connections:
`get_config` has them only for models whose constructor takes inputs and outputs, and
`keras.models.clone_model` shows them only while it builds a model. So the two private names that
lead from a tensor to the call that made it are used here, and nowhere else.
"""

from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True, eq=False)
class Node:
    """One call of one operation.

    Attributes:
        operation: the layer, model or `keras.Operation` that was called.
        args, kwargs: what it was called with; tensors are `keras.KerasTensor`.
        inputs: the tensors among them, flat.
        outputs: the tensors that came out, flat.
    """

    operation: keras.Operation
    args: tuple
    kwargs: dict[str, Any]
    inputs: tuple
    outputs: tuple


def is_graph_model(operation) -> bool:
    """Whether the operation is a model with a graph to read: Functional, or a built Sequential."""
    if isinstance(operation, keras.Sequential):
        return is_built_sequential(operation)
    return isinstance(operation, keras.Model) and isinstance(operation, keras.Function)


def is_built_sequential(model: keras.Sequential) -> bool:
    """Whether the Sequential model has a graph, as it has once its input shape is known."""
    # The property raises AttributeError until then.
    return hasattr(model, "inputs")


def read_graph(inputs: list, outputs: list) -> list[Node]:
    """The calls that lead from `inputs` to `outputs`, each after the calls that it depends on."""
    known = {id(tensor) for tensor in inputs}
    order: list[Node] = []
    nodes: dict[int, Node] = {}
    expanded: set[int] = set()
    stack = [tensor for tensor in reversed(outputs) if id(tensor) not in known]
    while stack:
        recorded = _recorded_call(stack[-1])
        key = id(recorded)
        if key in nodes:
            stack.pop()
        elif key in expanded:
            stack.pop()
            nodes[key] = _as_node(recorded)
            order.append(nodes[key])
        else:
            expanded.add(key)
            # Reversed, because the last one pushed is the first one followed.
            stack.extend(x for x in reversed(recorded.input_tensors) if id(x) not in known)
    return order


def _as_node(recorded) -> Node:
    arguments = recorded.arguments
    return Node(
        operation=recorded.operation,
        args=tuple(arguments.args),
        kwargs=dict(arguments.kwargs),
        inputs=tuple(recorded.input_tensors),
        outputs=tuple(recorded.outputs),
    )


def producer(tensor: keras.KerasTensor) -> keras.Operation:
    """The operation that made the tensor: an `InputLayer` for the inputs of a model."""
    return _history(tensor)[0]


def _recorded_call(tensor):
    operation, node_index, _ = _history(tensor)
    try:
        return operation._inbound_nodes[node_index]
    except AttributeError as error:
        raise _unreadable("Operation._inbound_nodes") from error


def _history(tensor):
    try:
        return tensor._keras_history
    except AttributeError as error:
        raise _unreadable("KerasTensor._keras_history") from error


def _unreadable(name: str) -> RuntimeError:
    return RuntimeError(
        f"keras_negact reads a model's graph through `{name}`, which Keras {keras.__version__} "
        "does not have. It is known to work with Keras 3.15."
    )
