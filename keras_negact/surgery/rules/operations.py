"""Operation nodes, such as `keras.ops.mean(x)` in a Functional model.

Their classes have no public names; their class names are what tells them apart. Functions that
could turn a silent channel into NaN, which a weight of zero does not silence, have no rule.
"""

from keras_negact.surgery.rules.merging import concatenate, element_wise
from keras_negact.surgery.rules.outcome import Conflict, Outcome, Question
from keras_negact.surgery.rules.per_channel import unchanged
from keras_negact.surgery.rules.reshaping import reshaped

_ELEMENT_WISE = ("Abs", "Absolute", "Negative", "Square", "Cast", "Clip", "Sign", "StopGradient")
_MERGES = ("Add", "Subtract", "Multiply", "Maximum", "Minimum")
_REDUCTIONS = ("Mean", "Max", "Min", "Sum", "Amax", "Amin")


def reduction(question: Question) -> Outcome:
    operation, (channels,) = question.operation, question.maps
    rank = len(question.shapes[0])
    given = operation.axis
    axes = range(rank) if given is None else given if isinstance(given, (list, tuple)) else [given]
    axes = [axis % rank for axis in axes]
    if channels.axis in axes:
        raise Conflict("it reduces the channels", question.maps)
    if operation.keepdims:
        return Outcome([channels])
    return Outcome([channels.at(channels.axis - sum(axis < channels.axis for axis in axes))])


def division(question: Question) -> Outcome:
    if len(question.maps) > 1:
        raise Conflict("a division by changed channels is not followed", question.maps)
    return element_wise(question)


def reshape(question: Question) -> Outcome:
    (channels,), operation = question.maps, question.operation
    moved = reshaped(channels, question.shapes[0], question.output_shapes[0], question)
    target = list(operation.newshape)
    if target[moved.axis] != -1:
        target[moved.axis] = len(moved)
    return Outcome([moved], config={"newshape": tuple(target)})


def transpose(question: Question) -> Outcome:
    (channels,), axes = question.maps, question.operation.axes
    rank = len(question.shapes[0])
    order = [axis % rank for axis in (axes if axes is not None else reversed(range(rank)))]
    return Outcome([channels.at(order.index(channels.axis))])


RULES = {
    **dict.fromkeys(_ELEMENT_WISE, unchanged),
    **dict.fromkeys(_MERGES, element_wise),
    **dict.fromkeys(_REDUCTIONS, reduction),
    "Divide": division,
    "TrueDivide": division,
    "Concatenate": concatenate,
    "Reshape": reshape,
    "Transpose": transpose,
}
