"""What `compare_activations` asks of its arguments."""

import numbers
from collections.abc import Iterable, Mapping

from keras_negact import _checks

# By the last word or the last two: a score may be either.
_LARGER_IS_BETTER = (
    *("accuracy", "acc", "auc", "precision", "recall", "iou"),
    *("f1_score", "fbeta_score", "r2_score"),
)
_SMALLER_IS_BETTER = ("loss", "error", "mse", "mae", "rmse", "crossentropy", "brier_score")


def checked_mode(metric: str, mode: str | None) -> str:
    """The direction that was given, or the one that the metric's name tells."""
    if mode is not None:
        return _checks.one_of("mode", mode, ("max", "min"))
    words = metric.split("_")
    ends = (words[-1], "_".join(words[-2:]))
    if any(end in _LARGER_IS_BETTER for end in ends):
        return "max"
    if any(end in _SMALLER_IS_BETTER for end in ends):
        return "min"
    allowed = f'"max" or "min", for the name {metric!r} does not say which of two is better'
    raise _checks.refused("mode", allowed, mode)


def checked_seeds(seeds) -> list[int]:
    """Which seeds: those that were given, or so many."""
    if isinstance(seeds, numbers.Integral):
        return list(range(_checks.integer("seeds", seeds, 1)))
    allowed = "how many, at least one, or different non-negative integers"
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise _checks.refused("seeds", allowed, seeds)
    try:
        given = list(seeds)
    except TypeError:  # An array without a dimension.
        raise _checks.refused("seeds", allowed, seeds) from None
    try:
        checked = [_checks.integer("seeds", seed, 0, 2**32 - 1) for seed in given]
    except ValueError:
        checked = []
    if not checked or len(set(checked)) < len(checked):
        raise _checks.refused("seeds", allowed, given)
    return checked


def check_arguments(variants, reference, optimizer, protocol) -> None:
    """Variants by name, one of which is the reference, and what all of them are trained with."""
    if not isinstance(variants, Mapping) or not variants:
        raise _checks.refused("variants", "a dictionary of functions that build models", variants)
    for variant, build in variants.items():
        if not callable(build):
            raise _checks.refused(f"variants[{variant!r}]", "a function that builds a model", build)
        is_name = isinstance(variant, str) and variant.isprintable() and 0 < len(variant) <= 100
        if not is_name:
            allowed = "a dictionary whose names have 1 to 100 printable characters"
            raise _checks.refused("variants", allowed, variant)
    _checks.one_of("reference", reference, variants)
    if optimizer is not None:
        _checks.function("optimizer", optimizer, arguments=1)
    if protocol is not None:
        _checks.instance("protocol", protocol, dict)


def checked_share(share) -> tuple[int, int]:
    """Which share of the runs, of how many."""
    allowed = "two integers (number, of), the number below the other"
    try:
        number, of = (_checks.integer("share", one, 0) for one in share)
    except (TypeError, ValueError):
        raise _checks.refused("share", allowed, share) from None
    if not number < of:
        raise _checks.refused("share", allowed, share)
    return number, of
