"""Layers with several inputs: sums and products demand equal channels, concatenations join them."""

import numpy as np
from keras import layers

from keras_negact.surgery.channels import FRESH, ChannelMap, identity, joined
from keras_negact.surgery.registry import register
from keras_negact.surgery.vocabulary import Conflict, Outcome, Question, Rule


def element_wise(question: Question) -> Outcome:
    changed = question.changed
    axis = changed[0].axis
    rank = len(question.output_shapes[0])
    for constant in question.constants:
        size = np.ndim(constant) and np.shape(constant)[-1]
        if np.ndim(constant) and not (axis == rank - 1 and size == 1):
            raise Conflict("a constant for each channel is not followed", question.maps)
    _check_widths_known(question, axis)
    sides = []
    for channels, shape in zip(question.maps, question.shapes, strict=True):
        if len(shape) != rank or (channels is not None and channels.axis != axis):
            raise Conflict("its inputs have different ranks", question.maps)
        if shape[axis] == 1 and question.output_shapes[0][axis] != 1:
            if channels is not None:
                raise Conflict("one channel that serves for all was doubled", question.maps)
            continue
        sides.append(channels or identity(shape[axis], axis))
    return Outcome([merged(sides, question)])


def concatenate(question: Question) -> Outcome:
    changed = question.changed
    axis = changed[0].axis
    if any(channels.axis != axis for channels in changed):
        raise Conflict("its inputs have their channels on different axes", question.maps)
    _check_widths_known(question, axis)
    sides = [
        channels or identity(shape[axis], axis)
        for channels, shape in zip(question.maps, question.shapes, strict=True)
    ]
    if question.operation.axis % len(question.shapes[0]) == axis:
        return Outcome([joined(sides, axis)])
    return Outcome([merged(sides, question)])


def _check_widths_known(question: Question, axis: int) -> None:
    if any(len(shape) > axis and shape[axis] is None for shape in question.shapes):
        raise Conflict("one of its inputs has an unknown width", question.maps)


def merged(sides: list[ChannelMap], question: Question) -> ChannelMap:
    """The one map of sides that all have the same channels, or all have them in place."""
    first = sides[0]
    part, coefficient = first.part, first.coefficient
    if all(side.keeps_layout for side in sides):
        part = np.where(np.any([side.part == FRESH for side in sides], axis=0), FRESH, part)
    elif not all(first.same_channels(side) for side in sides[1:]):
        kind = type(question.operation).__name__
        given = [side if side.sites else None for side in sides]
        raise Conflict(f"{kind} joins it with channels that are not the same", given, False)
    return ChannelMap(
        first.source,
        part,
        first.width,
        first.axis,
        frozenset().union(*(side.sites for side in sides)),
        frozenset().union(*(side.nearest for side in sides)),
        coefficient,
    )


@register(layers.Add, layers.Subtract, layers.Average)
def _(layer):
    return Rule(element_wise, passes=True, linear=True)


@register(layers.Multiply, layers.Maximum, layers.Minimum)
def _(layer):
    return Rule(element_wise, passes=True)


@register(layers.Concatenate)
def _(layer):
    return Rule(concatenate, linear=True)
