"""Weights, moved from the source's layers to the clone's, layer by layer."""

from collections.abc import Mapping

import keras
import numpy as np

from keras_negact.surgery.channels import FRESH, OFF, ON, ChannelMap
from keras_negact.surgery.rules import Take


def move_weights(
    source: keras.Layer, target: keras.Layer, takes: Mapping[str, tuple[Take, ...]] | None = None
) -> None:
    """Give a layer the weights of the one that it was made from.

    Args:
        takes: by the names of the weights whose channels changed, how.

    Raises:
        ValueError: when the two layers do not have the same weights.
    """
    _build_activation(source, target)
    takes_of = {id(getattr(source, name)): steps for name, steps in (takes or {}).items()}
    olds, news = _variables(source, target), target.variables
    if len(olds) != len(news):
        raise ValueError(
            f"The copy of `{source.name}` ({type(source).__name__}) has {len(news)} weights, the "
            f"layer itself {len(olds)}: its config does not say all that its weights depend on."
        )
    for old, new in zip(olds, news, strict=True):
        steps = takes_of.get(id(old))
        # A copy: JAX lets variables share an array, and deletes it when one of them is trained.
        new.assign(taken(np.asarray(old), steps, new) if steps else keras.ops.copy(old))
    if hasattr(target, "finalize_state"):
        # Preprocessing layers keep what they derived from their weights.
        target.finalize_state()


def taken(value: np.ndarray, steps: tuple[Take, ...], new: keras.Variable) -> np.ndarray:
    """The value of a weight whose channels changed."""
    fresh = np.zeros(new.shape, bool)
    for step in steps:
        channels = step.channels
        value = np.take(value, channels.source, step.axis)
        along = [1] * value.ndim
        along[step.axis] = -1
        if step.silent:
            value = np.where((channels.part == OFF).reshape(along), 0, value)
        fresh = fresh | (channels.part == FRESH).reshape(along)
    return np.where(fresh, np.asarray(new), value) if fresh.any() else value


def restoring_kernel(before: ChannelMap | None, width: int) -> np.ndarray:
    """The 1x1 convolution `[I; 0]` that takes the doubled channels back to those of the source."""
    if before is None or before.keeps_layout:
        return np.concatenate([np.eye(width), np.zeros((width, width))])
    kernel = np.zeros((2 * len(before), width))
    on = np.flatnonzero(before.part == ON)
    kernel[on, before.source[on]] = 1
    return kernel


def _variables(source: keras.Layer, target: keras.Layer) -> list:
    """The source's, without those of an `activation=` layer that the target no longer has."""
    inner = getattr(source, "activation", None)
    if not isinstance(inner, keras.Layer) or isinstance(
        getattr(target, "activation", None), keras.Layer
    ):
        return source.variables
    gone = {id(variable) for variable in inner.variables}
    return [variable for variable in source.variables if id(variable) not in gone]


def _build_activation(source: keras.Layer, target: keras.Layer) -> None:
    """An `activation=` layer makes its weights at the first real call only."""
    inner, copy = getattr(source, "activation", None), getattr(target, "activation", None)
    both_layers = isinstance(inner, keras.Layer) and isinstance(copy, keras.Layer)
    if both_layers and inner.built and not copy.built:
        copy.build_from_config(inner.get_build_config())
