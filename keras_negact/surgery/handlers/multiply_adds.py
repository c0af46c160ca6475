"""Multiply-adds of one layer, from shapes alone."""

import math

import keras

from keras_negact.surgery.registry import rule_of_costs
from keras_negact.surgery.vocabulary import Outcome


def layer_multiply_adds(
    layer: keras.Operation, before: tuple, after: tuple, outcome: Outcome | None = None
) -> float:
    """Multiply-adds of an operation for one example: of its kernels, at each place.

    Normalizations, pooling, sums and functions without kernels are not counted.

    Args:
        layer: the operation, built.
        before, after: the shapes of its first input and output.
        outcome: what becomes of it, where its channels change.
    """
    rule = rule_of_costs(layer)
    if rule is None:
        return 0
    if rule.multiply_adds is not None:
        return rule.multiply_adds(layer, before)
    inner = (getattr(layer, name, None) for name in rule.inner_layers)
    own = kernel_multiply_adds(layer, before, after, outcome, rule) if rule.kernels else 0
    return own + sum(layer_multiply_adds(x, before, before) for x in inner if x is not None)


def kernel_multiply_adds(layer, before: tuple, after: tuple, outcome: Outcome | None, rule) -> int:
    """Multiply-adds of the layer's own kernels."""
    shape = before if rule.at_input else after
    axis = -1 if rule.channel_axis is None else rule.channel_axis(layer, len(shape))
    sizes = [
        math.prod(weight_shape(layer, name, outcome))
        for name in rule.kernels
        if getattr(layer, name, None) is not None
    ]
    return positions(shape, axis) * sum(sizes)


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
