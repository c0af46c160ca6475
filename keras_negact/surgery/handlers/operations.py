"""Operation nodes, such as `keras.ops.mean(x)` in a Functional model.

Functions that could turn a silent channel into NaN, which a weight of zero does not silence, have
no rule.
"""

from keras_negact.surgery.handlers.merging import concatenate, element_wise
from keras_negact.surgery.handlers.per_channel import unchanged
from keras_negact.surgery.handlers.reshaping import reshaped
from keras_negact.surgery.registry import register_operation
from keras_negact.surgery.vocabulary import Conflict, Outcome, Question, Rule


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
    if len(question.maps) > 1 or not question.leads:
        raise Conflict("a division by changed channels is not followed", question.maps)
    return element_wise(question)


def scaled_or_shifted(question: Question) -> Outcome:
    # A constant that is added would be added to each part.
    if len(question.maps) == 1 and not question.maps[0].is_plain:
        raise Conflict("a constant is added to parts that are summed behind it", question.maps)
    return element_wise(question)


def product(question: Question) -> Outcome:
    if len(question.maps) > 1 and not all(c.is_plain for c in question.changed):
        raise Conflict("a product is not linear", question.maps)
    return element_wise(question)


def reshape(question: Question) -> Outcome:
    (channels,), operation = question.maps, question.operation
    moved = reshaped(channels, question.shapes[0], question.output_shapes[0], question)
    target = [int(size) for size in operation.newshape]
    if target[moved.axis] != -1:
        target[moved.axis] = len(moved)
    return Outcome([moved], config={"newshape": tuple(target)})


def transpose(question: Question) -> Outcome:
    (channels,), axes = question.maps, question.operation.axes
    rank = len(question.shapes[0])
    order = [axis % rank for axis in (axes if axes is not None else reversed(range(rank)))]
    return Outcome([channels.at(order.index(channels.axis))])


def padded(question: Question) -> Outcome:
    """Beside the channels, which then pass as they are."""
    (channels,), widths = question.maps, question.operation.pad_width
    along = widths[channels.axis if len(widths) > 1 else 0]
    if any(along):
        raise Conflict("it pads the channels", question.maps)
    if any(question.constants):
        raise Conflict("it pads with more than zeros", question.maps)
    return Outcome([channels])


@register_operation("Pad")
def _(operation):
    def steps_ahead(x):
        return -x.pad_width[1 if len(x.pad_width) > 1 else 0][0]

    return Rule(padded, passes=True, linear=True, steps_ahead=steps_ahead)


@register_operation("Abs", "Absolute", "Square", "Clip", "Sign")
def _(operation):
    return Rule(unchanged, passes=True)


@register_operation("Cast", "ConvertToTensor", "Negative")
def _(operation):
    return Rule(unchanged, passes=True, linear=True, passes_gates=True)


@register_operation("StopGradient")
def _(operation):
    return Rule(unchanged, passes=True, linear=True)


@register_operation("Add", "Subtract")
def _(operation):
    return Rule(scaled_or_shifted, passes=True, linear=True, passes_gates=True)


@register_operation("Multiply")
def _(operation):
    return Rule(product, passes=True, linear=True, passes_gates=True)


@register_operation("Maximum", "Minimum")
def _(operation):
    return Rule(element_wise, passes=True)


@register_operation("Divide", "TrueDivide")
def _(operation):
    return Rule(division, linear=True, passes_gates=True)


@register_operation("Mean", "Sum")
def _(operation):
    return Rule(reduction, linear=True)


@register_operation("Max", "Min", "Amax", "Amin")
def _(operation):
    return Rule(reduction)


@register_operation("Concatenate")
def _(operation):
    return Rule(concatenate, linear=True)


@register_operation("Reshape")
def _(operation):
    return Rule(reshape, linear=True, passes_gates=True)


@register_operation("Transpose")
def _(operation):
    return Rule(transpose, linear=True)
