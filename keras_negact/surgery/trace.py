"""A whole model as one straight list of calls, with the models nested in it opened."""

from dataclasses import dataclass, field

import keras

from keras_negact.surgery.graph import Node, is_graph_model, producer, read_graph


@dataclass(frozen=True, eq=False)
class Call:
    """One call of one operation, on numbered tensors.

    The input layer of a nested model is a call too: from the tensor that the model was given to the
    one that its own graph starts with.
    """

    operation: keras.Operation
    path: str
    node: Node | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass
class Trace:
    """The calls of a model in an order in which they can be run.

    Attributes:
        calls: the calls. One of a nested model stands for its calls, which are here in its place.
        tensors: the symbolic tensor of each number, for its shape and dtype.
        inputs, outputs: numbers of the tensors that the outermost model takes and gives.
        models: the nested models by id, outer ones before those within.
    """

    calls: list[Call] = field(default_factory=list)
    tensors: list[keras.KerasTensor] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    models: dict[int, keras.Model] = field(default_factory=dict)

    def __post_init__(self):
        self.consumers: dict[int, list[Call]] = {}
        self.producers: dict[int, Call] = {}
        self.position: dict[int, int] = {}

    def shape(self, number: int) -> tuple:
        """The shape of a tensor, with `None` where it is unknown."""
        return tuple(self.tensors[number].shape)

    def add(self, call: Call) -> None:
        self.position[id(call)] = len(self.calls)
        self.calls.append(call)
        for number in call.inputs:
            self.consumers.setdefault(number, []).append(call)
        for number in call.outputs:
            self.producers[number] = call

    def number(self, tensor: keras.KerasTensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def trace_model(model: keras.Model) -> Trace:
    """List the calls of a Functional or built Sequential model."""
    trace = Trace()
    numbers = {}
    for tensor in model.inputs:
        numbers[id(tensor)] = trace.number(tensor)
        input_layer = producer(tensor)
        trace.add(Call(input_layer, input_layer.name, None, (), (numbers[id(tensor)],)))
    trace.inputs = [numbers[id(tensor)] for tensor in model.inputs]
    trace.outputs = _trace_calls(trace, model, numbers, prefix="")
    return trace


def _trace_calls(trace: Trace, model: keras.Model, numbers: dict[int, int], prefix: str) -> list:
    for node in read_graph(model.inputs, model.outputs):
        inputs = tuple(numbers[id(tensor)] for tensor in node.inputs)
        path = prefix + node.operation.name
        if is_graph_model(node.operation):
            outputs = _trace_nested(trace, node, inputs, path)
        else:
            outputs = [trace.number(tensor) for tensor in node.outputs]
            trace.add(Call(node.operation, path, node, inputs, tuple(outputs)))
        numbers.update((id(t), number) for t, number in zip(node.outputs, outputs, strict=True))
    return [numbers[id(tensor)] for tensor in model.outputs]


def _trace_nested(trace: Trace, node: Node, inputs: tuple, path: str) -> list:
    model = node.operation
    trace.models[id(model)] = model
    numbers = {}
    given = dict(zip(map(id, node.inputs), inputs, strict=True))
    for outer, inner in zip(nested_inputs(node), model.inputs, strict=True):
        numbers[id(inner)] = trace.number(inner)
        input_layer = producer(inner)
        call = Call(
            input_layer,
            f"{path}/{input_layer.name}",
            node,
            (given[id(outer)],),
            (numbers[id(inner)],),
        )
        trace.add(call)
    return _trace_calls(trace, model, numbers, prefix=path + "/")


def nested_inputs(node: Node) -> list:
    """The tensors that a nested model was called with, in the order of its inputs."""
    given = node.args[0] if node.args else next(iter(node.kwargs.values()))
    model = node.operation
    if isinstance(given, dict) and not isinstance(model.input, dict):
        return [given[tensor.name] for tensor in model.inputs]
    return keras.tree.flatten(given)
