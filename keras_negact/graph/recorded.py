"""The calls that Keras recorded: which operation was called on which tensors, in which order.

Keras offers the operations of a model in public (`model.operations`), but not their connections:
`get_config` has them only for models whose constructor takes inputs and outputs, and
`keras.models.clone_model` shows them only while it builds a model. So the two private names that
lead from a tensor to the call that made it are used here, and nowhere else.
"""

import keras


def is_graph_model(operation) -> bool:
    """Whether the operation is a model with a graph to read: Functional, or a built Sequential."""
    if isinstance(operation, keras.Sequential):
        return is_built_sequential(operation)
    return isinstance(operation, keras.Model) and isinstance(operation, keras.Function)


def is_built_sequential(model: keras.Sequential) -> bool:
    """Whether the Sequential model has a graph, as it has once its input shape is known."""
    # The property raises AttributeError until then.
    return hasattr(model, "inputs")


def recorded_calls(inputs: list, outputs: list) -> list:
    """Keras's records of the calls from `inputs` to `outputs`, each after those it depends on."""
    known = set(inputs)
    order = {}
    expanded = set()
    stack = [tensor for tensor in reversed(outputs) if tensor not in known]
    while stack:
        record = _record(stack[-1])
        if record in order:
            stack.pop()
        elif record in expanded:
            stack.pop()
            order[record] = None
        else:
            expanded.add(record)
            # Reversed, because the last one pushed is the first one followed.
            stack.extend(x for x in reversed(record.input_tensors) if x not in known)
    return list(order)


def record_of_input(tensor: keras.KerasTensor):
    """The record of the `InputLayer` that a model's input came from."""
    return _record(tensor)


def _record(tensor):
    try:
        operation, index, _ = tensor._keras_history
        return operation._inbound_nodes[index]
    except AttributeError as error:
        raise RuntimeError(
            "keras_negact reads a model's graph through `KerasTensor._keras_history` and "
            f"`Operation._inbound_nodes`, which Keras {keras.__version__} does not have. "
            "It is known to work with Keras 3.15."
        ) from error
