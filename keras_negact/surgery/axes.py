"""Which axis of a tensor holds the channels."""

import keras
from keras import layers

from keras_negact.surgery.trace import Call, Trace

_DENSE = (layers.Dense, layers.EinsumDense)
# One number a channel stays on the channel axis of the next layer.
_TO_RANK_TWO = (
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
    layers.GlobalMaxPooling3D,
    layers.Flatten,
)


def channel_axes(trace: Trace) -> dict[int, int]:
    """The channel axis of every tensor.

    Layers with a `data_format` or a normalized axis say where it is; from them it spreads, forwards
    and then backwards, through the layers that keep the rank. What is left follows Keras's own
    `image_data_format`.
    """
    axes: dict[int, int] = {}
    for call in trace.calls:
        stated = _stated(call, trace)
        if stated is not None:
            axes.update((n, stated) for n in call.inputs if len(trace.shape(n)) > stated)
    for call in trace.calls:
        for number in call.outputs:
            axis = _output_axis(call, number, trace, axes)
            if axis is not None:
                axes[number] = axis
    for call in reversed(trace.calls):
        known = next((axes[n] for n in call.outputs if n in axes), None)
        for number in call.inputs:
            if known is not None and _keeps_rank(call, number, trace):
                axes.setdefault(number, known)
    for number in range(len(trace.tensors)):
        axes.setdefault(number, _default(trace, number))
    return axes


def _stated(call: Call, trace: Trace) -> int | None:
    """The channel axis that the layer's own arguments name, for its inputs."""
    operation = call.operation
    if not call.inputs or not isinstance(operation, keras.Layer):
        return None
    rank = len(trace.shape(call.inputs[0]))
    if rank < 3:
        return None
    if hasattr(operation, "data_format"):
        return 1 if operation.data_format == "channels_first" else rank - 1
    if isinstance(operation, (layers.BatchNormalization, layers.GroupNormalization)):
        return operation.axis % rank if isinstance(operation.axis, int) else None
    return rank - 1 if isinstance(operation, _DENSE) else None


def _output_axis(call: Call, number: int, trace: Trace, axes: dict) -> int | None:
    operation, rank = call.operation, len(trace.shape(number))
    if rank <= 2:
        return rank - 1
    if isinstance(operation, (*_TO_RANK_TWO, layers.Reshape)):
        stated = _stated(call, trace)
        kept_dims = stated is not None and len(trace.shape(call.inputs[0])) == rank
        return stated if kept_dims else None
    if isinstance(operation, layers.Permute):
        axis = axes.get(call.inputs[0])
        return operation.dims.index(axis) + 1 if axis in operation.dims else None
    stated = _stated(call, trace)
    if stated is not None:
        return stated
    carried = (axes[n] for n in call.inputs if n in axes and _keeps_rank(call, n, trace))
    return next(carried, axes.get(number))


def _keeps_rank(call: Call, number: int, trace: Trace) -> bool:
    if isinstance(call.operation, (layers.Permute, layers.Reshape)) or not call.outputs:
        return False
    return len(trace.shape(number)) == len(trace.shape(call.outputs[0]))


def _default(trace: Trace, number: int) -> int:
    rank = len(trace.shape(number))
    channels_first = keras.config.image_data_format() == "channels_first"
    return 1 if channels_first and rank > 2 else max(rank - 1, 0)
