"""Parameters and multiply-adds, from shapes alone: the one account of what a network costs."""

import contextlib
import json
import math
from collections.abc import Mapping, Set

import keras

from keras_negact.graph import Call, Graph, Interpreter, copy_operation
from keras_negact.surgery.handlers import Outcome
from keras_negact.surgery.handlers.multiply_adds import (
    inner_multiply_adds,
    layer_multiply_adds,
    positions,
    weight_shape,
)
from keras_negact.surgery.sites import Site

Outcomes = Mapping[keras.Operation, Outcome]

# Large against the borders that convolutions without padding cut off, and a multiple of what
# networks with skip connections ask for; the others for networks that have no such size.
_REFERENCES = (256, 240, 64)


class Costs:
    """Counts a network's multiply-adds.

    Where the network leaves sizes open, counts are those for an input of 256 along each such axis
    (or of the next size that it takes), divided by the number of its pixels.

    Attributes:
        per_pixel: whether there are such axes.
        pixels: what counts are divided by: 1 where all sizes are known.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        open_axes = max((tuple(x.shape[1:]).count(None) for x in graph.inputs), default=0)
        self.per_pixel = open_axes > 0
        reference, self.shapes = _shapes(graph)
        self.pixels = reference**open_axes

    def places(self, call: Call, axis: int) -> float:
        """How many places the output of a call has, over all its uses, or for each pixel."""
        return sum(n * positions(after[0], axis) for _, after, n in self.shapes[call]) / self.pixels

    def multiply_adds(
        self,
        outcomes: Outcomes | None = None,
        gone: Set[Call] = frozenset(),
        bare: Set[Call] = frozenset(),
    ) -> float:
        """Multiply-adds for one example, or for one pixel.

        Args:
            outcomes: what becomes of the operations whose channels change.
            gone: calls that are no more.
            bare: calls whose `activation=` is no more.
        """
        return whole(
            sum(
                self.of(call, (outcomes or {}).get(call.operation), call in bare)
                for call in self.shapes
                if call not in gone
            )
        )

    def of(self, call: Call, outcome: Outcome | None = None, bare: bool = False) -> float:
        """Multiply-adds of one call, over all its uses."""
        counted = (
            times * layer_multiply_adds(call.operation, before[0], after[0], outcome, bare)
            for before, after, times in self.shapes[call]
        )
        return sum(counted) / self.pixels

    def of_inner(self, call: Call, inner) -> float:
        """Multiply-adds of what a layer applies to its input, over all uses of a call."""
        uses = self.shapes[call]
        counted = (times * inner_multiply_adds(inner, before[0]) for before, _, times in uses)
        return sum(counted) / self.pixels


Uses = dict[Call, list[tuple[list, list, int]]]


def _shapes(graph: Graph) -> tuple[int, Uses]:
    """The size that open axes are given, and the shapes then."""
    for reference in _REFERENCES:
        # What a layer says of a size that it cannot take may be anything.
        with contextlib.suppress(Exception):
            return reference, _Shapes(reference).of(graph)
    return 1, _Shapes(None).of(graph)


class _Shapes(Interpreter):
    """The shapes that calls take and give, without open sizes, and how often, for each use.

    Args:
        reference: the size of open axes; `None`: as recorded, where open ones count as 1.
    """

    def __init__(self, reference: int | None):
        self.reference = reference

    def of(self, graph: Graph) -> Uses:
        self.found: Uses = {}
        self.times = 1
        self.run(graph, [self._sized(tensor.shape) for tensor in graph.inputs])
        return self.found

    def _sized(self, shape: tuple) -> tuple:
        other = self.reference or 1
        return (shape[0], *(other if size is None else size for size in shape[1:]))

    def run_call(self, call: Call, values: Mapping) -> list:
        if call.is_input or call.body is not None:
            return super().run_call(call, values)
        before = [values[tensor] for tensor in call.inputs]
        after = [tuple(tensor.shape) for tensor in call.outputs]
        if self.reference is None:
            after = [self._sized(shape) for shape in after]
        elif any(None in shape[1:] for shape in after):
            args, kwargs = call.arguments(lambda x: keras.KerasTensor(values[x], dtype=x.dtype))
            made = keras.tree.flatten(call.operation.compute_output_spec(*args, **kwargs))
            after = [tuple(tensor.shape) for tensor in made]
        if before:
            self.found.setdefault(call, []).append((before, after, self.times))
        return after

    def run_body(self, call: Call, given: list) -> list:
        if not call.at_each_step:
            return super().run_body(call, given)
        outer, steps = self.times, given[0][1]
        self.times *= steps
        made = self.run(call.body, [(shape[0], *shape[2:]) for shape in given])
        self.times = outer
        return [(shape[0], steps, *shape[1:]) for shape in made]


def parameters(operation: keras.Operation, outcome: Outcome | None = None) -> int:
    """The number of weights of an operation once its channels have changed."""
    if not isinstance(operation, keras.Layer):
        return 0
    total = sum(math.prod(weight.shape) for weight in operation.weights)
    for name in outcome.takes if outcome else ():
        before = math.prod(getattr(operation, name).shape)
        total += math.prod(weight_shape(operation, name, outcome)) - before
    return total


class Probe:
    """Counts the weights of the new layers, each kind of which is built once, and thrown away."""

    def __init__(self):
        self.counted: dict[str, tuple[int, float]] = {}

    def count(self, layer: keras.Layer, site: Site, width: int) -> tuple[int, float]:
        """Parameters, and multiply-adds a place, of a new layer on `width` channels."""
        shape = [1 if size is None else size for size in site.shape]
        shape[site.axis] = width
        config = layer.get_config()
        config.pop("name")
        key = json.dumps([config, shape], default=repr)
        if key not in self.counted:
            probe = copy_operation(layer)
            # Called, for layers with layers in them may leave it to the call to build these.
            after = probe(keras.KerasTensor((None, *shape[1:]), site.dtype)).shape
            counted = layer_multiply_adds(probe, tuple(shape), tuple(after))
            self.counted[key] = (probe.count_params(), counted / positions(shape, site.axis))
        return self.counted[key]


def compression_cost(width: int, channels: int) -> int:
    """Weights of the 1x1 convolution that brings a doubled width back."""
    return 2 * width * channels


def whole(number: float) -> float:
    """An integer where it is one."""
    return int(number) if number == int(number) else number
