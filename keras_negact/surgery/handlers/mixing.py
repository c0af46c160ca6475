"""Layers that mix all channels: changed ones end here, in the rows of a kernel."""

from keras import layers

from keras_negact.surgery import kernels
from keras_negact.surgery.registry import register
from keras_negact.surgery.vocabulary import Conflict, Outcome, Question, Rule, Take


def mixing(
    kernel: str = "kernel",
    input_axis: int = -2,
    output_axis: int = -1,
    bias: str | None = "bias",
    width: str = "filters",
):
    """How a layer follows whose kernel mixes all channels.

    Args:
        kernel, bias: names of the weights.
        input_axis, output_axis: the kernel's axes of the input's and the output's channels.
        width: the constructor argument that is the number of output channels.
    """

    def follow(question: Question) -> Outcome:
        (channels,) = question.maps
        takes = {} if channels is None else {kernel: (Take(input_axis, channels, reads=True),)}
        return narrower(question, takes, kernel, output_axis, bias, width)

    return follow


def narrower(question: Question, takes: dict, kernel, output_axis, bias, width) -> Outcome:
    """The output, made narrower where that was asked for."""
    layer, wanted = question.operation, question.wanted
    if wanted is None:
        return Outcome([None], takes=takes)
    if getattr(layer, "groups", 1) != 1:
        raise Conflict("a grouped convolution is not made narrower", [wanted])
    takes = {**takes, kernel: (*takes.get(kernel, ()), Take(output_axis, wanted))}
    if bias is not None and getattr(layer, bias, None) is not None:
        takes[bias] = (Take(0, wanted),)
    return Outcome([wanted], config={width: len(wanted)}, takes=takes)


_convolution, _transposed = mixing(), mixing(input_axis=-1, output_axis=-2)
_dense = mixing(input_axis=0, output_axis=1, width="units")


def convolution(question: Question) -> Outcome:
    check_axis(question)
    return _convolution(question) if question.operation.groups == 1 else _grouped(question)


def transposed_convolution(question: Question) -> Outcome:
    check_axis(question)
    return _transposed(question)


def separable_convolution(question: Question) -> Outcome:
    check_axis(question)
    (channels,) = question.maps
    takes = {}
    if channels is not None:
        times = question.operation.depth_multiplier
        takes["depthwise_kernel"] = (Take(-2, channels),)
        takes["pointwise_kernel"] = (Take(-2, channels.repeated(times), reads=True),)
    return narrower(question, takes, "pointwise_kernel", -1, "bias", "filters")


def dense(question: Question) -> Outcome:
    (channels,) = question.maps
    rank = len(question.shapes[0])
    if channels is not None and channels.axis != rank - 1:
        if not channels.is_plain:
            raise Conflict("it works along another axis than the channels", question.maps)
        # Each channel by itself.
        return Outcome([channels])
    return _dense(question)


def einsum_dense(question: Question) -> Outcome:
    layer, (channels,) = question.operation, question.maps
    inputs, _, rest = layer.equation.replace(" ", "").partition(",")
    kernel, _, output = rest.partition("->")
    if question.wanted is not None or "..." in layer.equation:
        maps = question.changed or [question.wanted]
        raise Conflict(f"the equation {layer.equation!r} is not followed", maps)
    label = inputs[channels.axis]
    if label in kernel and label not in output:
        return Outcome([None], takes={"kernel": (Take(kernel.index(label), channels, True),)})
    raise Conflict(f"the equation {layer.equation!r} is not followed", question.maps)


def _grouped(question: Question) -> Outcome:
    """Bring the channels of each group together; then every group is a convolution of its own."""
    layer, (channels,) = question.operation, question.maps
    if channels is None or question.wanted is not None:
        return _convolution(question)
    size = channels.width // layer.groups
    group = channels.source // size
    order = group.argsort(kind="stable")
    counts = [int((group == g).sum()) for g in range(layer.groups)]
    if len(set(counts)) > 1:
        raise Conflict(f"its {layer.groups} groups would have different widths", question.maps)
    ordered = channels.taken(order, channels.source[order], channels.width)
    # Within a group the kernel has the rows of that group alone, the same for all filters.
    rows = ordered.source.reshape(layer.groups, -1) % size
    parts = ordered.part.reshape(layer.groups, -1)
    counts = ordered.coefficients.reshape(layer.groups, -1)
    if (rows != rows[0]).any() or (parts != parts[0]).any() or (counts != counts[0]).any():
        raise Conflict(f"its {layer.groups} groups would have different channels", question.maps)
    first = ordered.taken(range(rows.shape[1]), rows[0], size)
    already = bool((order == range(len(order))).all())
    takes = {"kernel": (Take(-2, first, reads=True),)}
    return Outcome([None], takes=takes, gather=None if already else order)


def check_axis(question: Question) -> None:
    """Refuse channels that are not on the layer's own channel axis."""
    (channels,), layer = question.maps, question.operation
    rank = len(question.shapes[0])
    expected = stated_axis(layer, rank)
    if channels is not None and channels.axis != expected:
        raise Conflict(f"its channels are on axis {expected}", question.maps)


def stated_axis(layer, rank: int) -> int:
    """The channel axis that `data_format` says; channels last for layers without."""
    return 1 if getattr(layer, "data_format", None) == "channels_first" else rank - 1


def _rule(follow, arrays, **known) -> Rule:
    known = {"kernels": ("kernel",), "mixes": True, "fused": True, "linear": True, **known}
    return Rule(follow, arrays=arrays, channel_axis=stated_axis, **known)


@register(layers.Conv1D, layers.Conv2D, layers.Conv3D)
def _(layer):
    return _rule(convolution, kernels.Linear, mixes=layer.groups == 1)


@register(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
def _(layer):
    return _rule(transposed_convolution, kernels.Transposed, at_input=True)


@register(layers.SeparableConv1D, layers.SeparableConv2D)
def _(layer):
    names = ("depthwise_kernel", "pointwise_kernel")
    # It first filters each channel by itself: nothing to take coefficients before.
    return _rule(separable_convolution, kernels.Separable, kernels=names)


@register(layers.Dense)
def _(layer):
    return _rule(dense, kernels.Linear)


@register(layers.EinsumDense)
def _(layer):
    return _rule(einsum_dense, None)
