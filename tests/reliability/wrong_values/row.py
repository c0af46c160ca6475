"""A row of the table of wrong values, and what several parts of the table share."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Row:
    """One argument and what it must not be.

    Attributes:
        where: the part of the package and the name of the function or class in it.
        argument: its name.
        wrong: the values.
        rest: the other arguments of a call that would be right.
    """

    where: str
    argument: str
    wrong: tuple
    rest: Callable[[], dict[str, Any]] = dict


def call(row: Row, value: Any) -> None:
    part, name = row.where.split(".")
    module = __import__(f"keras_negact.{part}", fromlist=[name])
    function = getattr(module, name)
    result = function(**{**row.rest(), row.argument: value})
    if isinstance(result, keras.Layer):
        # Some of a layer's arguments can only be judged once the channels are known.
        result.build((None, 8, 8, 4))


NOT_A_COUNT = (0, -1, 2.5, True, "3", None)
NOT_A_FLAG = ("yes", 1, None)
NOT_A_NAME = ("", 5, "nonsense")


@functools.cache
def network() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(4, 3, name="convolution"),
            keras.layers.ReLU(name="activation"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )


def images(count: int = 8) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 6, 6, 2)).astype("float32")


def rows(where: str, rest: Callable[[], dict], /, **wrong: tuple) -> list[Row]:
    return [Row(where, argument, values, rest) for argument, values in wrong.items()]


NOT_A_MODEL = (None, "model", 5, keras.layers.ReLU)
