"""Layers that mix all channels: changed ones end here, in the rows of a kernel."""

from keras import layers

from keras_negact.surgery.rules.outcome import Conflict, Outcome, Question, Take

_KERNELS = {
    # kind: (weight that meets the input, its input axis, weight that makes the output, its axis)
    "conv": ("kernel", -2, "kernel", -1),
    "transposed": ("kernel", -1, "kernel", -2),
    "separable": ("pointwise_kernel", -2, "pointwise_kernel", -1),
    "dense": ("kernel", 0, "kernel", 1),
}


def convolution(question: Question) -> Outcome:
    layer = question.operation
    _check_axis(question)
    if layer.groups == 1:
        return _mix(question, "conv", width="filters")
    return _grouped(question)


def transposed_convolution(question: Question) -> Outcome:
    _check_axis(question)
    return _mix(question, "transposed", width="filters")


def separable_convolution(question: Question) -> Outcome:
    _check_axis(question)
    (channels,) = question.maps
    takes = {}
    if channels is not None:
        times = question.operation.depth_multiplier
        takes["depthwise_kernel"] = (Take(-2, channels),)
        takes["pointwise_kernel"] = (Take(-2, channels.repeated(times), silent=True),)
    return _with_wanted(question, takes, "separable", width="filters")


def dense(question: Question) -> Outcome:
    (channels,) = question.maps
    rank = len(question.shapes[0])
    if channels is not None and channels.axis != rank - 1:
        # The layer works along another axis, and each channel by itself.
        return Outcome([channels])
    return _mix(question, "dense", width="units")


def einsum_dense(question: Question) -> Outcome:
    layer, (channels,) = question.operation, question.maps
    inputs, _, rest = layer.equation.replace(" ", "").partition(",")
    kernel, _, output = rest.partition("->")
    if question.wanted is not None or "..." in layer.equation:
        raise Conflict(f"the equation {layer.equation!r} is not followed", question.changed)
    label = inputs[channels.axis]
    if label in kernel and label not in output:
        return Outcome([None], takes={"kernel": (Take(kernel.index(label), channels, True),)})
    raise Conflict(f"the equation {layer.equation!r} is not followed", question.maps)


def _mix(question: Question, kind: str, width: str) -> Outcome:
    (channels,) = question.maps
    name, axis, _, _ = _KERNELS[kind]
    takes = {} if channels is None else {name: (Take(axis, channels, silent=True),)}
    return _with_wanted(question, takes, kind, width)


def _with_wanted(question: Question, takes: dict, kind: str, width: str) -> Outcome:
    """Make the output narrower where that was asked for."""
    layer, wanted = question.operation, question.wanted
    if wanted is None:
        return Outcome([None], takes=takes)
    if getattr(layer, "groups", 1) != 1:
        raise Conflict("a grouped convolution is not made narrower", [wanted])
    _, _, name, axis = _KERNELS[kind]
    takes = {**takes, name: (*takes.get(name, ()), Take(axis, wanted))}
    if layer.use_bias:
        takes["bias"] = (Take(0, wanted),)
    return Outcome([wanted], config={width: len(wanted)}, takes=takes)


def _grouped(question: Question) -> Outcome:
    """Bring the channels of each group together; then every group is a convolution of its own."""
    layer, (channels,) = question.operation, question.maps
    if channels is None or question.wanted is not None:
        return _with_wanted(question, {}, "conv", "filters")
    size = channels.width // layer.groups
    group = channels.source // size
    order = group.argsort(kind="stable")
    counts = [int((group == g).sum()) for g in range(layer.groups)]
    if len(set(counts)) > 1:
        raise Conflict(f"its {layer.groups} groups would have different widths", question.maps)
    ordered = channels.selected(channels.source[order], channels.part[order], channels.width)
    # Within a group the kernel has the rows of that group alone, the same for all filters.
    rows = ordered.source.reshape(layer.groups, -1) % size
    parts = ordered.part.reshape(layer.groups, -1)
    if (rows != rows[0]).any() or (parts != parts[0]).any():
        raise Conflict(f"its {layer.groups} groups would have different channels", question.maps)
    take = Take(-2, channels.selected(rows[0], parts[0], size), silent=True)
    already = bool((order == range(len(order))).all())
    return Outcome([None], takes={"kernel": (take,)}, gather=None if already else order)


def _check_axis(question: Question) -> None:
    (channels,), layer = question.maps, question.operation
    rank = len(question.shapes[0])
    expected = 1 if layer.data_format == "channels_first" else rank - 1
    if channels is not None and channels.axis != expected:
        raise Conflict(f"its channels are on axis {expected}", question.maps)


RULES = {
    layers.Conv1D: convolution,
    layers.Conv2D: convolution,
    layers.Conv3D: convolution,
    layers.Conv1DTranspose: transposed_convolution,
    layers.Conv2DTranspose: transposed_convolution,
    layers.Conv3DTranspose: transposed_convolution,
    layers.SeparableConv1D: separable_convolution,
    layers.SeparableConv2D: separable_convolution,
    layers.Dense: dense,
    layers.EinsumDense: einsum_dense,
}
