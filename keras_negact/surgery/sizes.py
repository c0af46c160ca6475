"""How large the tensors of a network are, also where its input may have any size."""

import keras

from keras_negact.surgery.costs import kernel_places, positions
from keras_negact.surgery.trace import Call, Trace

# Large against the borders that convolutions without padding cut off, and a multiple of what
# networks with skip connections ask for.
_REFERENCE = 256


class Sizes:
    """The shapes to count multiply-adds with.

    Where the network leaves sizes open, they are those for an input of 256 along each such axis,
    and counts are divided by the number of its pixels.

    Attributes:
        pixels: what to divide counts by: 1 where all sizes are known.
    """

    def __init__(self, trace: Trace):
        self.trace = trace
        self.shapes = [trace.shape(number) for number in range(len(trace.tensors))]
        self.pixels = 1
        open_axes = [shape[1:].count(None) for shape in map(trace.shape, trace.inputs)]
        if any(open_axes):
            self.pixels = _REFERENCE ** max(open_axes)
            self._fill()

    @property
    def per_pixel(self) -> bool:
        return self.pixels > 1

    def places(self, number: int, axis: int) -> float:
        """How many pixels a tensor has for each pixel of the input, or in all."""
        return positions(self.shapes[number], axis) / self.pixels

    def kernel_places(self, call: Call) -> float:
        """The same for the places that a convolution or dense layer is applied at."""
        shapes = self.shapes[call.inputs[0]], self.shapes[call.outputs[0]]
        return kernel_places(call.operation, *shapes) / self.pixels

    def _fill(self) -> None:
        for number in self.trace.inputs:
            shape = self.shapes[number]
            self.shapes[number] = (
                shape[0],
                *(_REFERENCE if size is None else size for size in shape[1:]),
            )
        for call in self.trace.calls:
            if not call.inputs:
                continue
            if isinstance(call.operation, keras.layers.InputLayer):
                self.shapes[call.outputs[0]] = self.shapes[call.inputs[0]]
            elif any(None in self.shapes[number][1:] for number in call.outputs):
                self._fill_outputs(call)

    def _fill_outputs(self, call: Call) -> None:
        sized = {
            id(tensor): keras.KerasTensor(self.shapes[number], dtype=tensor.dtype)
            for tensor, number in zip(call.node.inputs, call.inputs, strict=True)
        }
        args, kwargs = keras.tree.map_structure(
            lambda x: sized[id(x)] if isinstance(x, keras.KerasTensor) else x,
            (call.node.args, call.node.kwargs),
        )
        outputs = keras.tree.flatten(call.operation.compute_output_spec(*args, **kwargs))
        for number, tensor in zip(call.outputs, outputs, strict=True):
            self.shapes[number] = tuple(tensor.shape)
