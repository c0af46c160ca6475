"""A network read once: its calls, and how they are connected."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras

from keras_negact.graph.recorded import is_graph_model, record_of_input, recorded_calls
from keras_negact.graph.tracing import Untraceable, traced


@dataclass(eq=False)
class Call:
    """One call of one operation, made once for each call that Keras recorded.

    Tensors are the `keras.KerasTensor`s of the network: they have a shape and a dtype, and are
    compared, and found in dictionaries, by identity.

    Attributes:
        operation: the layer, model or `keras.Operation` that was called.
        path: names from the outermost model inwards, joined by `/`.
        args, kwargs: what it was called with.
        inputs: the tensors among that, flat, without masks.
        masks: the tensors that were given as masks, by Keras itself or by the author.
        outputs: the tensors that came out, flat.
        body: the graph of a nested model, or of the one in a `TimeDistributed`.
        at_each_step: whether the body is called at each step of a sequence, which is axis 1, by
            itself.
        body_inputs: the tensors that go into a nested model, in the order of its inputs.
        makes_mask: whether what comes out serves as a mask alone: Keras records the operations that
            make one.
    """

    operation: keras.Operation
    path: str
    args: tuple
    kwargs: dict[str, Any]
    inputs: tuple
    masks: tuple
    outputs: tuple
    body: "Graph | None" = None
    at_each_step: bool = False
    body_inputs: tuple = ()
    makes_mask: bool = False

    @property
    def is_input(self) -> bool:
        """Whether it stands for an input of a model."""
        return isinstance(self.operation, keras.layers.InputLayer)

    @property
    def constants(self) -> list:
        """What it was called with besides tensors, flat."""
        flat = keras.tree.flatten((self.args, self.kwargs))
        return [value for value in flat if not isinstance(value, keras.KerasTensor)]

    @property
    def says_training(self) -> bool:
        """Whether the call says `training=True`, whatever the outermost model is told."""
        return bool(self.kwargs.get("training")) or any(value is True for value in self.args[1:])

    def arguments(self, value_of: Callable[[keras.KerasTensor], Any]) -> tuple[tuple, dict]:
        """What it was called with, with other values in the place of the tensors."""

        def renewed(x):
            return value_of(x) if isinstance(x, keras.KerasTensor) else x

        return keras.tree.map_structure(renewed, (self.args, self.kwargs))


@dataclass(eq=False)
class Graph:
    """The calls of one model in the order of the computation; nested ones have graphs as bodies.

    Attributes:
        model: the model; of a subclassed one, the trace of its `call`.
        origin: the model itself.
        inputs, outputs: its tensors, flat.
        calls: its calls, those of its input layers included.
    """

    model: keras.Model
    origin: keras.Model
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    @cached_property
    def all_calls(self) -> list[Call]:
        """The calls at every depth, each once; a nested model's stand in its place."""
        return list(dict.fromkeys(self._walk()))

    @cached_property
    def position(self) -> dict[Call, int]:
        """The order of the calls at every depth, those of models called at each step included."""
        calls = dict.fromkeys(self._walk(with_steps=True))
        return {call: index for index, call in enumerate(calls)}

    @cached_property
    def operations(self) -> dict[keras.Operation, list[Call]]:
        """The operations at every depth, with their calls; nested models left out."""
        calls: dict[keras.Operation, list[Call]] = {}
        for call in self.all_calls:
            calls.setdefault(call.operation, []).append(call)
        return calls

    @cached_property
    def bodies(self) -> dict["Graph", list[Call]]:
        """The graphs of nested models, outer ones before those within, with the calls of them."""
        found: dict[Graph, list[Call]] = {}
        pending = [self]
        for graph in pending:
            for call in graph.calls:
                if call.body is not None:
                    pending += [] if call.body in found else [call.body]
                    found.setdefault(call.body, []).append(call)
        return {body: list(dict.fromkeys(calls)) for body, calls in found.items()}

    def producers(self, tensor) -> list[Call]:
        """The calls that make a tensor, seen through the borders of nested models.

        More than one where it is the input of a model that is called on several. The input of a
        model that is called at each step is made by its `InputLayer`.
        """
        return list(dict.fromkeys(self._made_by(tensor, set())))

    def readers(self, tensor) -> list[Call]:
        """The calls that read a tensor, not as a mask, seen through the borders of models."""
        return list(dict.fromkeys(call for call, _ in self._read_by(tensor, set()) if call))

    def reads(self, tensor) -> list[tuple[Call, keras.KerasTensor]]:
        """The calls that read a tensor, each with the name that the tensor has where it is read."""
        return [(call, read) for call, read in self._read_by(tensor, set()) if call]

    def is_output(self, tensor) -> bool:
        """Whether it is an output of the outermost model, or of one called at each step."""
        return any(call is None for call, _ in self._read_by(tensor, set()))

    def _walk(self, with_steps: bool = False) -> Iterator[Call]:
        for call in self.calls:
            if call.body is not None:
                yield from call.body._walk(with_steps)
            if call.body is None or (with_steps and call.at_each_step):
                yield call

    def _made_by(self, tensor, seen: set) -> Iterator[Call]:
        if tensor in seen:
            return
        seen.add(tensor)
        call = self._direct_producers[tensor]
        if call.body is not None and not call.at_each_step:
            yield from self._made_by(call.body.outputs[call.outputs.index(tensor)], seen)
            return
        for outer in self._given.get(tensor, ()):
            yield from self._made_by(outer, seen)
        if tensor not in self._given or tensor in self._given_in_steps:
            yield call

    def _read_by(self, tensor, seen: set) -> Iterator[tuple[Call | None, keras.KerasTensor]]:
        if tensor in seen:
            return
        seen.add(tensor)
        if tensor in self._own_outputs or tensor in self.made_in_steps:
            yield None, tensor
        for call in self._direct_readers.get(tensor, ()):
            if call.body is None or call.at_each_step:
                yield call, tensor
                continue
            for outer, inner in zip(call.body_inputs, call.body.inputs, strict=True):
                if outer is tensor:
                    yield from self._read_by(inner, seen)
        for outer in self._leaves_as.get(tensor, ()):
            yield from self._read_by(outer, seen)

    @cached_property
    def made_in_steps(self) -> set:
        """The outputs of models that are called at each step of a sequence."""
        return {x for body in self._called_in_steps for x in body.outputs}

    @cached_property
    def _given_in_steps(self) -> set:
        return {x for body in self._called_in_steps for x in body.inputs}

    @property
    def _called_in_steps(self) -> list["Graph"]:
        return [
            body for body, calls in self.bodies.items() if any(call.at_each_step for call in calls)
        ]

    @cached_property
    def _own_outputs(self) -> set:
        return set(self.outputs)

    @cached_property
    def _direct_producers(self) -> dict:
        graphs = (self, *self.bodies)
        return {t: call for graph in graphs for call in graph.calls for t in call.outputs}

    @cached_property
    def _direct_readers(self) -> dict:
        readers: dict[Any, dict[Call, None]] = {}
        for graph in (self, *self.bodies):
            for call in graph.calls:
                for tensor in call.inputs:
                    readers.setdefault(tensor, {})[call] = None
        return readers

    @cached_property
    def _given(self) -> dict:
        """For the inputs of nested models, the tensors that they are called on."""
        given: dict[Any, list] = {}
        for body, calls in self.bodies.items():
            for call in (call for call in calls if not call.at_each_step):
                for outer, inner in zip(call.body_inputs, body.inputs, strict=True):
                    given.setdefault(inner, []).append(outer)
        return given

    @cached_property
    def _leaves_as(self) -> dict:
        """For the outputs of nested models, what they are called outside."""
        leaves: dict[Any, list] = {}
        for body, calls in self.bodies.items():
            for call in (call for call in calls if not call.at_each_step):
                for outer, inner in zip(call.outputs, body.outputs, strict=True):
                    leaves.setdefault(inner, []).append(outer)
        return leaves


def read_graph(model: keras.Model, inputs=None) -> Graph:
    """Read a network, with the models nested in it.

    Args:
        model: a Functional or a built Sequential model, or a subclassed one that can be traced.
        inputs: symbolic inputs for a subclassed one that was not built.

    Raises:
        Untraceable: when it has no graph to be read.
    """
    return _Reader().graph(model, "", inputs)


class _Reader:
    """Reads each model, and each of Keras's records, once."""

    def __init__(self):
        self.graphs: dict[keras.Model, Graph] = {}
        self.unlike_traces: set[keras.Model] = set()
        self.calls: dict[Any, Call] = {}

    def graph(self, origin: keras.Model, prefix: str, inputs=None) -> Graph:
        if origin not in self.graphs:
            model = origin if is_graph_model(origin) else traced(origin, inputs)
            graph = Graph(model, origin, list(model.inputs), list(model.outputs))
            records = [record_of_input(tensor) for tensor in graph.inputs]
            records += recorded_calls(graph.inputs, graph.outputs)
            self.unlike_traces |= _called_unlike_a_trace(records)
            graph.calls = [self._call(record, prefix) for record in records]
            _mark_masks(graph)
            self.graphs[origin] = graph
        return self.graphs[origin]

    def _call(self, record, prefix: str) -> Call:
        if record not in self.calls:
            self.calls[record] = self._new_call(record, prefix)
        return self.calls[record]

    def _new_call(self, record, prefix: str) -> Call:
        operation, args = record.operation, tuple(record.arguments.args)
        kwargs = dict(record.arguments.kwargs)
        given_as_masks = {name: kwargs[name] for name in kwargs if _names_mask(name)}
        others = {name: kwargs[name] for name in kwargs if name not in given_as_masks}
        call = Call(
            operation=operation,
            path=prefix + operation.name,
            args=args,
            kwargs=kwargs,
            inputs=_tensors((args, others)),
            masks=_tensors(given_as_masks),
            outputs=tuple(record.outputs),
        )
        given = args[0] if args else next(iter(kwargs.values()), None)
        model = model_within(operation)
        if model is None or model in self.unlike_traces:
            return call
        call.at_each_step = model is not operation
        prefix = f"{call.path}/{model.name}/" if call.at_each_step else f"{call.path}/"
        try:
            call.body = self.graph(model, prefix, _alike(given, call.at_each_step))
            call.body_inputs = tuple(inputs_in_order(call.body.model, given))
        except Untraceable:
            # It is one operation, then.
            call.at_each_step = False
        return call


def _called_unlike_a_trace(records: list) -> set[keras.Model]:
    """Subclassed models that are given more than an input, or inputs of several shapes.

    A trace is of one input alone, such as it was there.
    """
    unlike, shapes = set(), {}
    for record in records:
        model = model_within(record.operation)
        if model is None or is_graph_model(model):
            continue
        kwargs = {k: x for k, x in record.arguments.kwargs.items() if k != "training"}
        given, *more = (*record.arguments.args, *kwargs.values())
        of_given = [tuple(x.shape) for x in _tensors(given)]
        if any(x is not None for x in more) or shapes.setdefault(model, of_given) != of_given:
            unlike.add(model)
    return unlike


def model_within(operation: keras.Operation) -> keras.Model | None:
    """The model itself, or the one that is called at each step; `None` for all others."""
    if type(operation) is keras.layers.TimeDistributed:
        operation = operation.layer
    return operation if isinstance(operation, keras.Model) else None


def inputs_in_order(model: keras.Model, given) -> list:
    """What a model is called with, flat, in the order of its inputs."""
    if isinstance(given, dict) and not isinstance(model.input, dict):
        return [given[tensor.name] for tensor in model.inputs]
    return keras.tree.flatten(given)


def _alike(given, at_each_step: bool):
    """Symbolic inputs of the same shapes, or of those of one step."""
    if not all(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(given)):
        return None
    first = 2 if at_each_step else 1
    return keras.tree.map_structure(lambda x: keras.Input(x.shape[first:], dtype=x.dtype), given)


def _names_mask(argument: str) -> bool:
    return argument == "mask" or argument.endswith("_mask")


def _tensors(structure) -> tuple:
    flat = keras.tree.flatten(structure)
    return tuple(x for x in flat if isinstance(x, keras.KerasTensor))


def _mark_masks(graph: Graph) -> None:
    data = set(graph.outputs)
    masks = set()
    for call in reversed(graph.calls):
        outputs = set(call.outputs)
        is_layer = isinstance(call.operation, keras.Layer)
        call.makes_mask = not is_layer and bool(outputs & masks) and not outputs & data
        (masks if call.makes_mask else data).update(call.inputs)
        masks.update(call.masks)
