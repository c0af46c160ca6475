"""Multiply-adds of one layer, from shapes alone."""

import math

import keras

from keras_negact.surgery.functions import argument_function
from keras_negact.surgery.registry import rule_of_costs
from keras_negact.surgery.vocabulary import Function, Outcome

_LET_THROUGH = ("relu", "relu6", "capped_relu", "on_off_relu")


def layer_multiply_adds(
    layer: keras.Operation,
    before: tuple,
    after: tuple,
    outcome: Outcome | None = None,
    bare: bool = False,
) -> float:
    """Multiply-adds of an operation for one example: of its kernels at each place, and one for
    each value of an activation that is no plain rectifier, whatever else that computes.

    Normalizations, pooling, sums and rectifiers are not counted.

    Args:
        layer: the operation, built.
        before, after: the shapes of its first input and output.
        outcome: what becomes of it, where its channels change.
        bare: whether its `activation=` is taken away.
    """
    rule = rule_of_costs(layer)
    if rule is None:
        return 0
    if rule.multiply_adds is not None:
        return rule.multiply_adds(layer, before)
    own = kernel_multiply_adds(layer, before, after, outcome, rule) if rule.kernels else 0
    inner = (getattr(layer, name, None) for name in rule.inner_layers)
    own += sum(inner_multiply_adds(x, before) for x in inner)
    if rule.function is not None and not (rule.inner_layers or rule.kernels):
        own += _function_multiply_adds(rule.function(layer), after, outcome)
    elif rule.fused and not bare:
        own += _function_multiply_adds(argument_function(layer.activation), after, outcome)
    return own


def inner_multiply_adds(inner, shape: tuple) -> float:
    """Multiply-adds of a layer or a function that a layer applies to its input; else 0."""
    if isinstance(inner, keras.Layer):
        return layer_multiply_adds(inner, shape, shape)
    return _function_multiply_adds(argument_function(inner) if callable(inner) else None, shape)


def _function_multiply_adds(
    function: Function | None, shape: tuple, outcome: Outcome | None = None
) -> float:
    """One for each value, except of what only lets values through or does not."""
    if function is None or function.name in _LET_THROUGH:
        return 0
    values = math.prod(1 if size is None else size for size in shape[1:])
    channels = outcome.maps[0] if outcome else None
    return values if channels is None else values // channels.width * len(channels)


def kernel_multiply_adds(layer, before: tuple, after: tuple, outcome: Outcome | None, rule) -> int:
    """Multiply-adds of the layer's own kernels."""
    shape = before if rule.at_input else after
    axis = None if rule.channel_axis is None else rule.channel_axis(layer, len(shape))
    sizes = [
        math.prod(weight_shape(layer, name, outcome))
        for name in rule.kernels
        if getattr(layer, name, None) is not None
    ]
    return positions(shape, -1 if axis is None else axis) * sum(sizes)


def positions(shape: tuple, axis: int) -> int:
    """The places beside the channel axis; an axis of unknown size counts as one place."""
    sizes = [size for i, size in enumerate(shape) if i not in (0, axis % len(shape))]
    return math.prod(1 if size is None else size for size in sizes)


def weight_shape(layer: keras.Layer, name: str, outcome: Outcome | None) -> tuple:
    """The shape of a weight once its channels have changed."""
    shape = list(getattr(layer, name).shape)
    for take in outcome.takes.get(name, ()) if outcome else ():
        shape[take.axis] = len(take.channels)
    return tuple(shape)
