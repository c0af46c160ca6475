"""A model made anew, call by call, with other operations where that was asked for."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import keras

from keras_negact.graph.calls import Call, Graph
from keras_negact.graph.classes import functional_like, sequential_like, warn_of_losses
from keras_negact.graph.copying import copy_operation
from keras_negact.graph.interpreter import Interpreter
from keras_negact.graph.state import copy_state, copy_trainable

_LOSES_MASK = ".*does not support masking"


@dataclass(eq=False)
class Edit:
    """What stands in the place of a call.

    Attributes:
        operations: to be applied one after the other; with none, the input is passed on.
        as_called: whether the first one is called as the old one was, with all its arguments;
            otherwise on its first input alone.
        on: the tensor that the first one is called on, if that is not the call's first input.
        starts: called once the new network is there, to give the new operations their weights.
    """

    operations: list[keras.Operation]
    as_called: bool = False
    on: keras.KerasTensor | None = None
    starts: list[Callable[[], None]] = field(default_factory=list)


def rewrite(graph: Graph, edits: Mapping[Call, Edit]) -> keras.Model:
    """Build a new model, with the state that the old one has now.

    Everything that is not edited is copied with its state, and what was shared is shared. The old
    model is not touched.

    Args:
        graph: of the old model.
        edits: by the call that they replace. Calls that shared an operation share an edit, or the
            operations in it.

    Returns:
        The new model, not compiled.

    Raises:
        ValueError: when a layer cannot be made again from its config, or a weight is given to a
            call as a tensor is.
    """
    for call in (call for each in (graph, *graph.bodies) for call in each.calls):
        for weight in (x for x in call.constants if isinstance(x, keras.Variable)):
            raise ValueError(
                f"`{call.path}` is given the weight `{weight.path}` as a constant. A new model "
                "would share it with the old one: put both into a layer."
            )
    writer = _Writer(edits)
    with warnings.catch_warnings():
        # Masks are handed to those who read them, past layers that would lose them.
        warnings.filterwarnings("ignore", message=_LOSES_MASK)
        model = writer.model(graph)
    # Outer ones first: the setter sets the flags of all that is within.
    for old, new in reversed(writer.holders.items()):
        if new.trainable != old.trainable:
            new.trainable = old.trainable
    for old, new in writer.copies.items():
        if isinstance(new, keras.Layer):
            copy_state(old, new)
            copy_trainable(old, new)
    _check_own_variables(graph.origin, model)
    for start in dict.fromkeys(start for edit in edits.values() for start in edit.starts):
        start()
    warn_of_losses({old.origin: new for old, new in writer.models.items()})
    return model


def _check_own_variables(old: keras.Model, new: keras.Model) -> None:
    theirs = {id(variable) for variable in old.variables}
    for variable in new.variables:
        if id(variable) in theirs:
            raise ValueError(
                f"The new model would share `{variable.path}` with `{old.name}`: a layer that was "
                "made anew from its config has it again. Let its class make its own, by "
                "`add_weight`."
            )


class _Writer(Interpreter):
    """Runs the calls symbolically, on the tensors of the new model."""

    def __init__(self, edits: Mapping[Call, Edit]):
        self.edits = edits
        self.copies: dict[keras.Operation, keras.Operation] = {}
        self.models: dict[Graph, keras.Model] = {}
        # Models and what calls them at each step, inner ones first.
        self.holders: dict[keras.Layer, keras.Layer] = {}

    def model(self, graph: Graph) -> keras.Model:
        """The new model; the same one for the same graph."""
        if graph not in self.models:
            is_sequential = isinstance(graph.model, keras.Sequential)
            model = (self._sequential if is_sequential else self._functional)(graph)
            if model.dtype_policy != graph.origin.dtype_policy:
                model.dtype_policy = graph.origin.dtype_policy
            self.models[graph] = self.holders[graph.origin] = model
        return self.models[graph]

    def run_call(self, call: Call, values: Mapping) -> list:
        if call.is_input:
            return [values[tensor] for tensor in call.outputs]
        args, kwargs = call.arguments(values.__getitem__)
        if call.body is not None:
            return keras.tree.flatten(self._holder(call)(*args, **kwargs))
        edit = self.edits.get(call)
        if edit is None:
            return keras.tree.flatten(self._copy(call.operation)(*args, **kwargs))
        result = values[call.inputs[0] if edit.on is None else edit.on]
        for position, operation in enumerate(edit.operations):
            as_called = position == 0 and edit.as_called
            result = operation(*args, **kwargs) if as_called else operation(result)
        return keras.tree.flatten(result)

    def _functional(self, source: Graph) -> keras.Model:
        inputs = {}
        for call in source.calls:
            if call.is_input:
                (layer,) = self._operations(call)
                inputs[call.outputs[0]] = layer.output
        results = self.run(source, [inputs[tensor] for tensor in source.inputs])
        outputs = dict(zip(source.outputs, results, strict=True))
        return functional_like(
            source.model,
            keras.tree.map_structure(inputs.__getitem__, source.model.input),
            keras.tree.map_structure(outputs.__getitem__, source.model.output),
            {**self.copies, **self.holders},
        )

    def _sequential(self, source: Graph) -> keras.Model:
        # Keras makes the masks again by itself.
        calls = [call for call in source.calls if not call.makes_mask]
        stack = [operation for call in calls for operation in self._operations(call)]
        with warnings.catch_warnings():
            # Nobody hands them past a layer that loses them here.
            warnings.filterwarnings("default", message=_LOSES_MASK)
            return sequential_like(source.model, stack, {**self.copies, **self.holders})

    def _operations(self, call: Call) -> list:
        if call.body is not None:
            return [self._holder(call)]
        edit = self.edits.get(call)
        return [self._copy(call.operation)] if edit is None else edit.operations

    def _holder(self, call: Call) -> keras.Layer:
        model, old = self.model(call.body), call.operation
        if call.at_each_step and old not in self.holders:
            self.holders[old] = _around(old, model)
        return self.holders[old] if call.at_each_step else model

    def _copy(self, operation: keras.Operation) -> keras.Operation:
        if operation not in self.copies:
            if type(operation) is keras.layers.TimeDistributed:
                # What it calls may be called elsewhere, too.
                copy = _around(operation, self._copy(operation.layer))
            else:
                copy = copy_operation(operation)
            self.copies[operation] = copy
        return self.copies[operation]


def _around(old: keras.layers.TimeDistributed, layer: keras.Layer) -> keras.layers.TimeDistributed:
    return type(old)(layer, name=old.name, dtype=old.dtype_policy)
