"""Layers that move elements about without changing them: flatten, reshape, permute."""

import numpy as np
from keras import layers

from keras_negact.surgery.channels import ChannelMap
from keras_negact.surgery.handlers.mixing import stated_axis
from keras_negact.surgery.registry import register
from keras_negact.surgery.vocabulary import Conflict, Outcome, Question, Rule


def flatten(question: Question) -> Outcome:
    (channels,), shape = question.maps, question.shapes[0]
    rank = len(shape)
    order = list(range(rank - 1))
    if question.operation.data_format == "channels_first" and rank > 2:
        # Keras moves axis 1 to the end first.
        order = [*order[1:], 0]
    return Outcome([flattened(channels, shape, order, question)])


def reshape(question: Question) -> Outcome:
    (channels,), shape, after = question.maps, question.shapes[0], question.output_shapes[0]
    moved = reshaped(channels, shape, after, question)
    target = [-1 if size is None else size for size in after]
    target[moved.axis] = len(moved)
    if target[1:].count(-1) > 1:
        raise Conflict("the shape that it makes is not known", question.maps)
    return Outcome([moved], config={"target_shape": tuple(target[1:])})


def permute(question: Question) -> Outcome:
    (channels,) = question.maps
    return Outcome([channels.at(question.operation.dims.index(channels.axis) + 1)])


def repeat_vector(question: Question) -> Outcome:
    (channels,) = question.maps
    return Outcome([channels.at(2)])


def reshaped(channels: ChannelMap, before: tuple, after: tuple, question: Question) -> ChannelMap:
    """The map behind a reshape in row-major order that leaves the channels an axis of their own."""
    last = len(after) - 1
    if channels.axis == len(before) - 1 and after[last] == channels.width:
        return channels.at(last)
    if channels.axis == 1 and after[1] == channels.width:
        return channels.at(1)
    if last == 1:
        return flattened(channels, before, list(range(len(before) - 1)), question)
    raise Conflict("it takes the channels apart", question.maps)


def flattened(
    channels: ChannelMap, shape: tuple, order: list[int], question: Question
) -> ChannelMap:
    """The map of a flattened tensor, whose axes (without the batch) were first put into `order`."""
    sizes = shape[1:]
    if None in sizes:
        raise Conflict("its input has an unknown size", question.maps)
    axis = channels.axis - 1
    place = np.arange(int(np.prod(sizes))).reshape([sizes[i] for i in order])
    place = place.transpose(np.argsort(order))
    source = np.take(place, channels.source, axis)
    along = [1] * len(sizes)
    along[axis] = -1
    index = np.broadcast_to(np.arange(len(channels)).reshape(along), source.shape)
    return channels.taken(
        index.transpose(order).ravel(), source.transpose(order).ravel(), place.size, axis=1
    )


@register(layers.Flatten)
def _(layer):
    return Rule(flatten, linear=True, moves_channels=True, channel_axis=stated_axis)


@register(layers.Reshape)
def _(layer):
    return Rule(reshape, linear=True, moves_channels=True, passes_gates=True)


@register(layers.Permute)
def _(layer):
    return Rule(permute, linear=True, moves_channels=True)


@register(layers.RepeatVector)
def _(layer):
    return Rule(repeat_vector, linear=True, passes_gates=True)
