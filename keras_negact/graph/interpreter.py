"""Runs a network call by call."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_negact.graph.calls import Call, Graph


class Interpreter:
    """Runs a graph on values of any kind; a subclass says what a call makes of them.

    As it stands it computes what the network computes, with the network's own layers.
    """

    def run(self, graph: Graph, given: list) -> list:
        """The values of the graph's outputs.

        Args:
            graph: of the network, or of a model nested in it.
            given: a value for each of the graph's inputs.
        """
        values = dict(zip(graph.inputs, given, strict=True))
        last = {t: call for call in graph.calls for t in (*call.inputs, *call.masks)}
        kept = set(graph.outputs)
        for call in graph.calls:
            values.update(zip(call.outputs, self.run_call(call, values), strict=True))
            for tensor in (*call.inputs, *call.masks):
                # Feature maps are large: what nobody reads any more goes.
                if last[tensor] is call and tensor not in kept:
                    values.pop(tensor, None)
        return [values[tensor] for tensor in graph.outputs]

    def run_call(self, call: Call, values: Mapping[keras.KerasTensor, Any]) -> list:
        """The values of a call's outputs.

        Args:
            call: the call.
            values: by tensor, those of its inputs and masks; for an input of a model, its own.
        """
        if call.is_input:
            return [values[tensor] for tensor in call.outputs]
        if call.body is not None:
            return self.run_body(call, [values[tensor] for tensor in call.body_inputs])
        args, kwargs = call.arguments(values.__getitem__)
        return keras.tree.flatten(call.operation(*args, **kwargs))

    def run_body(self, call: Call, given: list) -> list:
        """The values of the outputs of a call of a model.

        Args:
            call: the call.
            given: the values of its `body_inputs`.
        """
        if not call.at_each_step:
            return self.run(call.body, given)
        # Each step by itself is what each example is by itself.
        steps = ops.shape(given[0])[1]
        merged = [ops.reshape(x, (-1, *x.shape[2:])) for x in given]
        made = self.run(call.body, merged)
        return [ops.reshape(y, (-1, steps, *y.shape[1:])) for y in made]
