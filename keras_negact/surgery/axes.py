"""Which axis of a tensor holds the channels."""

import keras

from keras_negact.graph import Call, Graph
from keras_negact.surgery.handlers import rule_of


def channel_axes(graph: Graph) -> dict[keras.KerasTensor, int]:
    """The channel axis of every tensor.

    Layers with a `data_format` or a normalized axis say where it is; from them it spreads, forwards
    and then backwards, through the layers that keep the rank. What is left follows Keras's own
    `image_data_format`, which is about images: sequences have their channels last.
    """
    axes: dict[keras.KerasTensor, int] = {}
    calls = [call for call in graph.all_calls if not call.makes_mask]
    for call in calls:
        stated = _stated(call)
        if stated is not None:
            axes.update((x, stated) for x in call.inputs if len(x.shape) > stated)
    for call in calls:
        for tensor in call.outputs:
            axis = _output_axis(call, tensor, graph, axes)
            if axis is not None:
                axes[tensor] = axis
    for call in reversed(calls):
        known = next((axes[x] for x in call.outputs if x in axes), None)
        for tensor in call.inputs:
            if known is not None and _keeps_rank(call, tensor):
                axes.setdefault(tensor, known)
    for call in graph.all_calls:
        for tensor in call.outputs:
            axes.setdefault(tensor, _default(tensor))
    return axes


def _stated(call: Call) -> int | None:
    """The channel axis that the layer's own arguments name, for its inputs."""
    rule = rule_of(call.operation)
    if not call.inputs or not isinstance(call.operation, keras.Layer):
        return None
    rank = len(call.inputs[0].shape)
    if rank < 3:
        return None
    if rule is not None and rule.channel_axis is not None:
        return rule.channel_axis(call.operation, rank)
    if hasattr(call.operation, "data_format"):
        return 1 if call.operation.data_format == "channels_first" else rank - 1
    return None


def _output_axis(call: Call, tensor, graph: Graph, axes: dict) -> int | None:
    operation, rank = call.operation, len(tensor.shape)
    if rank <= 2:
        return rank - 1
    if call.is_input:
        return axes.get(tensor)
    stated, rule = _stated(call), rule_of(operation)
    if rule is not None and rule.moves_channels:
        given = call.inputs[0]
        if hasattr(operation, "dims"):
            axis = axes.get(given)
            return operation.dims.index(axis) + 1 if axis in operation.dims else None
        return stated if stated is not None and len(given.shape) == rank else None
    if stated is not None:
        return stated if len(call.inputs[0].shape) == rank else None
    carried = (axes[x] for x in call.inputs if x in axes and _keeps_rank(call, x))
    return next(carried, axes.get(tensor))


def _keeps_rank(call: Call, tensor) -> bool:
    rule = rule_of(call.operation)
    if (rule is not None and rule.moves_channels) or not call.outputs:
        return False
    return len(tensor.shape) == len(call.outputs[0].shape)


def _default(tensor) -> int:
    rank = len(tensor.shape)
    channels_first = keras.config.image_data_format() == "channels_first"
    return 1 if channels_first and rank > 3 else max(rank - 1, 0)
