"""The calls that Keras recorded: which operation was called on which tensors, in which order.

Keras offers the operations of a model in public (`model.operations`), but not their connections:
`get_config` has them only for models whose constructor takes inputs and outputs, and
`keras.models.clone_model` shows them only while it builds a model. So the two private names that
lead from a tensor to the call that made it are used here, and nowhere else.
"""

import inspect

import keras

from keras_negact.graph.state import is_keras


def is_graph_model(operation) -> bool:
    """Whether the operation is a model with a graph to read: Functional, or a built Sequential.

    One with a `call` of its own, which may do more than its graph says, only counts where it comes
    back as its own class.
    """
    if isinstance(operation, keras.Sequential):
        has_graph = is_built_sequential(operation)
    else:
        has_graph = isinstance(operation, keras.Model) and isinstance(operation, keras.Function)
    kind = type(operation)
    return has_graph and (is_keras(kind.call.__module__) or takes_a_graph(kind))


def takes_a_graph(kind: type) -> bool:
    """Whether what the constructor of a class of models takes first is a graph.

    That is `inputs` and `outputs`, or `layers`; or whatever it may be, `*args`, as long as the
    class does not say in a `get_config` how it is made.
    """
    _, *parameters = inspect.signature(kind.__init__).parameters.values()
    if parameters and parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:
        return is_keras(kind.get_config.__module__)
    names = [parameter.name for parameter in parameters]
    return names[:2] == ["inputs", "outputs"] or names[:1] == ["layers"]


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


def weights_told(inputs: list, outputs: list) -> list[keras.Variable]:
    """The weights that are given to calls between `inputs` and `outputs`, as tensors are."""
    told = [
        (record.arguments.args, record.arguments.kwargs)
        for record in recorded_calls(inputs, outputs)
    ]
    return [x for x in keras.tree.flatten(told) if isinstance(x, keras.Variable)]


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
            "It is known to work with Keras 3.14 and 3.15."
        ) from error
