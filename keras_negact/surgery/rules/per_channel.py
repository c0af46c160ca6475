"""Layers that treat each channel by itself: their weights follow the channels."""

import keras
import numpy as np
from keras import layers

from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.surgery.functions import ACROSS_CHANNELS, standalone_function
from keras_negact.surgery.rules.outcome import Conflict, Outcome, Question, Take


def unchanged(question: Question) -> Outcome:
    """Element by element, whatever the number of channels."""
    return Outcome([question.maps[0]])


def with_data_format(question: Question) -> Outcome:
    """Along the spatial axes, each channel by itself."""
    (channels,) = question.maps
    rank = len(question.shapes[0])
    # One-dimensional cropping and up-sampling know channels last only, and have no argument for it.
    data_format = getattr(question.operation, "data_format", "channels_last")
    expected = 1 if data_format == "channels_first" else rank - 1
    if channels.axis != expected:
        raise Conflict(f"its channels are on axis {expected}", question.maps)
    output_rank = len(question.output_shapes[0])
    return Outcome([channels if output_rank == rank else channels.at(output_rank - 1)])


def activation(question: Question) -> Outcome:
    function = standalone_function(question.operation)
    if function.name in ACROSS_CHANNELS:
        raise Conflict(f"{function.name} looks at all channels at once", question.maps)
    if function.name.startswith("custom") or function.layer is not None:
        raise Conflict(f"the function {function.name!r} is not known", question.maps)
    return Outcome([question.maps[0]])


def prelu(question: Question) -> Outcome:
    (channels,) = question.maps
    shared = question.operation.shared_axes or []
    if channels.axis in shared:
        return Outcome([channels])
    return Outcome([channels], takes={"alpha": (Take(channels.axis - 1, channels),)})


def on_off_relu(question: Question) -> Outcome:
    (channels,) = question.maps
    width = channels.width
    source = np.concatenate([channels.source, channels.source + width])
    return Outcome([channels.selected(source, np.tile(channels.part, 2), 2 * width)])


def batch_normalization(question: Question) -> Outcome:
    layer, (channels,) = question.operation, question.maps
    if layer.axis % len(question.shapes[0]) != channels.axis:
        return Outcome([channels])
    names = ["moving_mean", "moving_variance"]
    names += ["gamma"] * layer.scale + ["beta"] * layer.center
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
    channels = with_data_format(question).maps[0]
    after = channels.repeated(layer.depth_multiplier)
    takes = {"kernel": (Take(-2, channels),)}
    if layer.use_bias:
        takes["bias"] = (Take(0, after),)
    return Outcome([after], takes=takes)


def rescaling(question: Question) -> Outcome:
    layer = question.operation
    if np.ndim(layer.scale) or np.ndim(layer.offset):
        raise Conflict("it scales each channel by a constant of its own", question.maps)
    return Outcome([question.maps[0]])


def nested_input(question: Question) -> Outcome:
    """The input layer of a nested model, which is made for the new width."""
    (channels,) = question.maps
    shape = list(question.operation.batch_shape)
    shape[channels.axis] = len(channels)
    return Outcome([channels], config={"batch_shape": tuple(shape)})


_ELEMENTWISE = (
    layers.ReLU,
    layers.LeakyReLU,
    layers.ELU,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.AlphaDropout,
    layers.Identity,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
)
_SPATIAL = (
    *(
        getattr(layers, f"{kind}Pooling{rank}D")
        for kind in ("Max", "Average", "GlobalMax", "GlobalAverage")
        for rank in (1, 2, 3)
    ),
    *(
        getattr(layers, f"{kind}{rank}D")
        for kind in ("ZeroPadding", "Cropping", "UpSampling")
        for rank in (1, 2, 3)
    ),
)
RULES = {
    **dict.fromkeys(_ELEMENTWISE, unchanged),
    **dict.fromkeys(_SPATIAL, with_data_format),
    layers.Activation: activation,
    layers.PReLU: prelu,
    OnOffReLU: on_off_relu,
    layers.BatchNormalization: batch_normalization,
    layers.GroupNormalization: group_normalization,
    layers.LayerNormalization: normalization_over_channels,
    layers.RMSNormalization: normalization_over_channels,
    layers.UnitNormalization: normalization_over_channels,
    layers.DepthwiseConv1D: depthwise_convolution,
    layers.DepthwiseConv2D: depthwise_convolution,
    layers.Rescaling: rescaling,
    keras.layers.InputLayer: nested_input,
}
