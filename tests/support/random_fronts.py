"""What random networks begin with, and inputs that fit it."""

import importlib.util

import keras
import numpy as np
from keras import layers

WORDS = np.array(["", "a", "b\n", "c", "d e"])


def front(draw_from, rank: int):
    """An input, and what is made of it: feature maps, with the channels last.

    Args:
        draw_from: draws one of its arguments.
        rank: number of spatial axes, of 4 places each.
    """
    kinds = ["maps", "maps", "normalized"] if rank > 1 else ["maps", *_SEQUENCES, "normalized"]
    kind = draw_from(*kinds)
    if kind in _SEQUENCES:
        return _SEQUENCES[kind](draw_from)
    inputs = keras.Input((4,) * rank + (3,))
    if kind == "maps":
        return inputs, inputs
    normalization = layers.Normalization(axis=-1)
    normalization.adapt(np.random.default_rng(0).normal(1, 2, (5, *inputs.shape[1:])))
    return inputs, normalization(inputs)


def _embedded(draw_from):
    inputs = keras.Input((4,), dtype="int32")
    return inputs, layers.Embedding(9, 4, mask_zero=True)(inputs)


def _masked(draw_from):
    inputs = keras.Input((4, 3))
    return inputs, layers.Masking()(inputs)


def _looked_up(lookup, values, dtype, draw_from):
    if draw_from(True, False):
        lookup.adapt(values)
    else:
        named = set(values.ravel().tolist()) - {"", 0, lookup.mask_token}
        lookup.set_vocabulary(sorted(named))
    inputs = keras.Input((4,), dtype=dtype)
    return inputs, layers.Embedding(9, 4, mask_zero=draw_from(True, False))(lookup(inputs))


def _integers(draw_from):
    values = np.array([[1, 5, 5, 2], [2, 2, 7, 3]])
    return _looked_up(layers.IntegerLookup(), values, "int64", draw_from)


def _strings(draw_from):
    lookup = layers.StringLookup(mask_token=draw_from(None, "a"))
    return _looked_up(lookup, WORDS[[[1, 2, 3, 3], [4, 4, 1, 0]]], "string", draw_from)


def _binned(draw_from):
    bins = layers.Discretization(num_bins=4)
    bins.adapt(np.random.default_rng(0).normal(size=(20, 4)))
    inputs = keras.Input((4,))
    return inputs, layers.Embedding(5, 4)(bins(inputs))


_SEQUENCES = {"embedded": _embedded, "masked": _masked}
if importlib.util.find_spec("tensorflow"):
    # Keras's lookups, and what learns the bounds of bins, are TensorFlow's on every backend.
    _SEQUENCES |= {"integers": _integers, "strings": _strings, "binned": _binned}


def examples_for(model: keras.Model, seed: int = 3):
    """Two random examples, some places at the end of which are zero, as masks have it."""
    rng = np.random.default_rng(seed)
    given = [_examples(x, rng) for x in model.inputs]
    return given if len(given) > 1 else given[0]


def _examples(x, rng):
    shape = (2, *x.shape[1:])
    if x.dtype == "string":
        import tensorflow as tf

        return tf.constant(rng.choice(WORDS, shape))
    if "int" in x.dtype:
        values = rng.integers(0, 9, shape).astype(x.dtype)
        values[:, 0] = 1
    else:
        values = rng.normal(size=shape).astype("float32")
    if len(shape) in (2, 3):
        values[0, 2:] = 0
    return values
