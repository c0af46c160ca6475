"""Layers that treat each channel by itself: their weights follow the channels."""

import numpy as np
from keras import layers

from keras_negact.surgery import kernels
from keras_negact.surgery.handlers.mixing import stated_axis
from keras_negact.surgery.registry import register
from keras_negact.surgery.vocabulary import Conflict, Outcome, Question, Rule, Take


def unchanged(question: Question) -> Outcome:
    """Element by element, whatever the number of channels."""
    return Outcome([question.maps[0]])


def along_space(question: Question) -> Outcome:
    """Along the spatial axes, each channel by itself."""
    (channels,) = question.maps
    rank = len(question.shapes[0])
    # One-dimensional cropping and up-sampling know channels last only, and have no argument for it.
    expected = stated_axis(question.operation, rank)
    if channels.axis != expected:
        raise Conflict(f"its channels are on axis {expected}", question.maps)
    output_rank = len(question.output_shapes[0])
    return Outcome([channels if output_rank == rank else channels.at(output_rank - 1)])


def batch_normalization(question: Question) -> Outcome:
    layer, (channels,) = question.operation, question.maps
    if layer.axis % len(question.shapes[0]) != channels.axis:
        return Outcome([channels])
    names = ["moving_mean", "moving_variance"]
    names += ["gamma"] * layer.scale + ["beta"] * layer.center
    if getattr(layer, "renorm", False):
        names += ["moving_stddev", "renorm_mean", "renorm_stddev"]
    return Outcome([channels], takes={name: (Take(0, channels),) for name in names})


def group_normalization(question: Question) -> Outcome:
    layer, (channels,) = question.operation, question.maps
    if layer.axis % len(question.shapes[0]) != channels.axis:
        raise Conflict("its groups are not along the channels", question.maps)
    groups = channels.width if layer.groups == -1 else layer.groups
    size = channels.width // groups
    if len(channels) % size:
        raise Conflict(f"its groups of {size} channels would not come out even", question.maps)
    if not channels.keeps_layout:
        source, part = channels.source.reshape(-1, size), channels.part.reshape(-1, size)
        aligned = (source == source[:, :1] + np.arange(size)).all()
        if not aligned or (source[:, 0] % size).any() or (part != part[:, :1]).any():
            raise Conflict(f"its groups of {size} would mix channels of two kinds", question.maps)
    names = ["gamma"] * layer.scale + ["beta"] * layer.center
    takes = {name: (Take(0, channels),) for name in names}
    changed_groups = len(channels) // size
    config = {} if changed_groups == groups else {"groups": changed_groups}
    return Outcome([channels], config=config, takes=takes)


def normalization_over_channels(question: Question) -> Outcome:
    layer, (channels,) = question.operation, question.maps
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    if channels.axis in [axis % len(question.shapes[0]) for axis in axes]:
        raise Conflict("it normalizes over the channels", question.maps)
    return Outcome([channels])


def depthwise_convolution(question: Question) -> Outcome:
    layer = question.operation
    channels = along_space(question).maps[0]
    if layer.use_bias and not channels.is_plain:
        raise Conflict("its bias is added to parts that are summed behind it", question.maps)
    after = channels.repeated(layer.depth_multiplier)
    takes = {"kernel": (Take(-2, channels),)}
    if layer.use_bias:
        takes["bias"] = (Take(0, after),)
    return Outcome([after], takes=takes)


def rescaling(question: Question) -> Outcome:
    layer = question.operation
    if np.ndim(layer.scale) or np.ndim(layer.offset):
        raise Conflict("it scales each channel by a constant of its own", question.maps)
    if layer.offset and not question.maps[0].is_plain:
        raise Conflict("its offset is added to parts that are summed behind it", question.maps)
    return Outcome([question.maps[0]])


def nested_input(question: Question) -> Outcome:
    """The input layer of a nested model, which is made for the new width."""
    (channels,) = question.maps
    shape = list(question.operation.batch_shape)
    shape[channels.axis] = len(channels)
    return Outcome([channels], config={"batch_shape": tuple(shape)})


@register(layers.InputLayer)
def _(layer):
    return Rule(nested_input, passes=True, linear=True, idle=True, passes_gates=True)


@register(layers.Identity)
def _(layer):
    return Rule(unchanged, passes=True, linear=True, idle=True, passes_gates=True)


@register(layers.Dropout)
def _(layer):
    return Rule(unchanged, passes=True, linear=True, idle=True, passes_gates=True)


@register(
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.AlphaDropout,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
)
def _(layer):
    return Rule(unchanged, passes=True, linear=True, idle=True)


@register(layers.ActivityRegularization)
def _(layer):
    def follow(question):
        raise Conflict("it would see more channels", question.maps)

    return Rule(follow, idle=True)


@register(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)
@register(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D)
def _(layer):
    return Rule(along_space, passes=True, channel_axis=stated_axis)


@register(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D)
@register(layers.ZeroPadding2D, layers.ZeroPadding3D)
def _(layer):
    return Rule(along_space, passes=True, linear=True, channel_axis=stated_axis)


@register(layers.ZeroPadding1D)
def _(layer):
    return Rule(
        along_space,
        passes=True,
        linear=True,
        steps_ahead=lambda x: -x.padding[0],
        channel_axis=stated_axis,
    )


@register(
    layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D
)
@register(layers.Cropping2D, layers.Cropping3D)
def _(layer):
    return Rule(along_space, passes=True, linear=True, passes_shifts=True, channel_axis=stated_axis)


@register(layers.Cropping1D)
def _(layer):
    return Rule(
        along_space,
        passes=True,
        linear=True,
        passes_shifts=True,
        steps_ahead=lambda x: x.cropping[0],
        channel_axis=stated_axis,
    )


@register(layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D)
def _(layer):
    return Rule(along_space, passes=True, linear=True, passes_gates=True, channel_axis=stated_axis)


def _normalized_axis(layer, rank: int) -> int | None:
    return layer.axis % rank if isinstance(layer.axis, int) else None


@register(layers.BatchNormalization)
def _(layer):
    return Rule(
        batch_normalization,
        passes=True,
        arrays=kernels.Normalization,
        affine=kernels.scale_and_shift,
        channel_axis=_normalized_axis,
    )


@register(layers.GroupNormalization)
def _(layer):
    return Rule(group_normalization, passes=True, channel_axis=_normalized_axis)


@register(layers.LayerNormalization, layers.RMSNormalization, layers.UnitNormalization)
def _(layer):
    return Rule(normalization_over_channels, passes=True)


@register(layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def _(layer):
    return Rule(
        depthwise_convolution,
        passes=layer.depth_multiplier == 1,
        fused=True,
        linear=True,
        kernels=("kernel",),
        arrays=kernels.Depthwise,
        channel_axis=stated_axis,
    )


@register(layers.Rescaling)
def _(layer):
    return Rule(rescaling, passes=True, linear=True, passes_gates=True)
