"""LENI's hyperparameters as a space for keras-tuner."""

import math
from collections.abc import Iterable
from typing import Any

from keras_negact import _checks
from keras_negact.tuning._keras_tuner import keras_tuner

_GROUPS = (1, 2, 4, 8)


def leni_search_space(
    hp, prefix: str = "leni", channels: Iterable[int] | None = None
) -> dict[str, Any]:
    """Samples LENI's keyword arguments, for use inside anyone's `build(hp)`.

    Formula: `LENI(**leni_search_space(hp))` is a block of the space

        transform      depthwise (kernel size 3 or 5), pointwise (in 1, 2, 4 or 8 groups) or none
        normalization  of the negative branch: none or batch
        compression    channelwise, or pointwise (in 1, 2, 4 or 8 groups)
        start          keep or random

    Kernel size and groups are in the space only where the block has them. Not in it are the
    compressions `"sum"`, to which a trained channelwise one folds, and `None`, which changes the
    width of the network.

    Args:
        hp: keras-tuner's `HyperParameters`.
        prefix: in front of the names of the hyperparameters, as in `leni/transform`. Blocks with
            prefixes of their own are sampled apart from each other.
        channels: the numbers of channels of the feature maps that the block is put on. Only groups
            that divide all of them are in the space. `None`: all of 1, 2, 4 and 8 are, and it is
            for the caller to see that they divide.

    Returns:
        Keyword arguments of `LENI`. Where `hp` is inside of a conditional scope that is not active,
        an empty dictionary.

    Raises:
        ValueError: when an argument is not allowed.

    Source:
        The paper fixes none of these choices (see `LENI`); the space is this package's.

    Examples:
        >>> import keras_tuner
        >>> block = leni_search_space(keras_tuner.HyperParameters(), channels=[16, 32])
        >>> block["transform"], block["kernel_size"], block["start"]
        ('depthwise', 3, 'keep')
    """
    if not isinstance(hp, keras_tuner.HyperParameters):
        raise _checks.refused("hp", "keras-tuner's HyperParameters", hp)
    prefix, groups = _checks.text("prefix", prefix), _possible_groups(channels)
    with hp.name_scope(prefix):
        sampled = {"transform": hp.Choice("transform", ["depthwise", "pointwise", "none"])}
        with hp.conditional_scope("transform", ["depthwise"]):
            sampled["kernel_size"] = hp.Choice("kernel_size", [3, 5])
        with hp.conditional_scope("transform", ["pointwise"]):
            sampled["transform_groups"] = hp.Choice("transform_groups", groups)
        sampled["normalization"] = hp.Choice("normalization", ["none", "batch"])
        sampled["compression"] = hp.Choice("compression", ["channelwise", "pointwise"])
        with hp.conditional_scope("compression", ["pointwise"]):
            sampled["groups"] = hp.Choice("groups", groups)
        sampled["start"] = hp.Choice("start", ["keep", "random"])
    # What is not active is sampled as None; the value None itself is called "none".
    return {
        name: None if value == "none" else value
        for name, value in sampled.items()
        if value is not None
    }


def _possible_groups(channels: Iterable[int] | None) -> list[int]:
    if channels is None:
        return list(_GROUPS)
    try:
        channels = [] if isinstance(channels, (str, bytes)) else list(channels)
    except TypeError:
        raise _checks.refused("channels", "None or numbers of channels", channels) from None
    channels = [_checks.integer("channels", one, 1) for one in channels]
    if not channels:
        raise _checks.refused("channels", "None or at least one number of channels", channels)
    common = math.gcd(*channels)
    return [groups for groups in _GROUPS if common % groups == 0]
