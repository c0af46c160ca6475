"""The layers that a swap put in: which they are, and how to train them alone."""

import re
import weakref
from collections.abc import Iterator, Sequence

import keras

from keras_negact.graph import model_within

Trained = str | Sequence[str] | None

_NEW: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def new_layers(clone: keras.Model) -> list[keras.Layer]:
    """The layers that a swap of activations put into a clone, at any depth of nesting.

    Args:
        clone: what `clone_with_activation` or the `apply` of its plan returned, in the same
            process: a model that was saved and loaded does not remember.

    Returns:
        The new activations, in the order of the computation, each followed by the 1x1 convolution
        that brings its width back where there is one.

    Raises:
        ValueError: for any other model.

    Examples:
        >>> convolution = keras.layers.Conv2D(4, 3, activation="relu", name="first")
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), convolution])
        >>> [type(layer).__name__ for layer in new_layers(clone_with_activation(model, "leni"))]
        ['LENI']
    """
    if not isinstance(clone, keras.Model) or clone not in _NEW:
        raise ValueError(
            "`new_layers` takes a model that `clone_with_activation` or `Plan.apply` made in this "
            f"process. Received: {clone!r}"
        )
    return list(_NEW[clone])


def note_new_layers(clone: keras.Model, layers: list[keras.Layer]) -> None:
    """Remember, for `new_layers`."""
    _NEW[clone] = layers


def train_only(clone: keras.Model, trained: Trained) -> None:
    """Freeze every layer but the new ones and those that are named.

    Raises:
        ValueError: when a name fits no layer.
    """
    if trained is None:
        return
    patterns = [trained] if isinstance(trained, str) else list(trained)
    patterns = [pattern for pattern in patterns if pattern != "new"]
    layers = dict(_leaves(clone, ""))
    for pattern in patterns:
        if not any(re.search(pattern, path) for path in layers):
            raise ValueError(
                f"`trainable` names no layer by {pattern!r}. Received: {trained!r}. There are: "
                f"{list(layers)[:5]}"
            )
    # A layer within a model that is not trained is not trained either.
    clone.trainable = True
    chosen = set(_NEW[clone]) if "new" in trained else set()
    for path, layer in layers.items():
        named = any(re.search(pattern, path) for pattern in patterns)
        layer.trainable = named or layer in chosen


def _leaves(model: keras.Model, prefix: str) -> Iterator[tuple[str, keras.Layer]]:
    for layer in model.layers:
        within = model_within(layer)
        if within is not None:
            inner = "" if within is layer else f"{within.name}/"
            yield from _leaves(within, f"{prefix}{layer.name}/{inner}")
        else:
            yield f"{prefix}{layer.name}", layer
