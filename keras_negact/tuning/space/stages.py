"""Where in a network the block may go: named parts, and the subsets of them."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras

from keras_negact import _checks, plan_activation_swap

NOWHERE = "nowhere"
_JOINT = "+"
# Two to the power of it is what the search has to choose from.
_MOST_PARTS_FOR_ALL_SUBSETS = 5


@dataclass(frozen=True)
class Part:
    """A named part of a network: the paths of the activations in it, as `where` takes them."""

    where: list[str]
    channels: frozenset[int]
    function: str


def find_parts(
    model: keras.Model, where_choices: Mapping[str, str | Sequence[str]] | None
) -> dict[str, Part]:
    """Find the named parts: those given, or the stages of equal spatial size.

    Raises:
        ValueError: when a part has no activation that could be swapped, or a name is not allowed.
    """
    if where_choices is None:
        return _stages(model)
    if not isinstance(where_choices, Mapping) or not where_choices:
        allowed = "None or a dictionary that names at least one part of the network"
        raise _checks.refused("where_choices", allowed, where_choices)
    parts = {}
    for name, patterns in where_choices.items():
        if not isinstance(name, str) or not name or _JOINT in name or name == NOWHERE:
            raise ValueError(
                f"Names in `where_choices` are texts without {_JOINT!r}, other than {NOWHERE!r}. "
                f"Received: {name!r}"
            )
        given, patterns = patterns, [patterns] if isinstance(patterns, str) else patterns
        if not isinstance(patterns, Sequence) or not all(isinstance(p, str) for p in patterns):
            allowed = f"a dictionary with a pattern or a list of patterns for {name!r}"
            raise _checks.refused("where_choices", allowed, given)
        try:
            swapped = _swappable(model, list(patterns))
        except ValueError as error:
            raise ValueError(
                f"`where_choices` has a part {name!r} that is no part of the network: {error} "
                f"Received: {given!r}"
            ) from error
        if not swapped:
            raise ValueError(
                f"`where_choices` has a part without activations that LENI could replace: {name!r} "
                f"({patterns}). `plan_activation_swap(model, where={patterns})` says why."
            )
        parts[name] = _part(swapped, list(patterns))
    return parts


def subsets(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """All subsets of a few names, or all runs of neighbours among many; the largest first."""
    if len(names) <= _MOST_PARTS_FOR_ALL_SUBSETS:
        found = [
            chosen
            for size in range(len(names), 0, -1)
            for chosen in itertools.combinations(names, size)
        ]
    else:
        found = [
            tuple(names[start : start + size])
            for size in range(len(names), 0, -1)
            for start in range(len(names) - size + 1)
        ]
    return {_JOINT.join(chosen): chosen for chosen in found} | {NOWHERE: ()}


def _stages(model: keras.Model) -> dict[str, Part]:
    stages: dict[str, list] = {}
    for site in _swappable(model, None):
        stages.setdefault(_size(site), []).append(site)
    if not stages:
        raise ValueError(
            f"`{model.name}` has no activation that LENI could replace. "
            "`plan_activation_swap(model)` says why."
        )
    return {
        name: _part(sites, [f"^{re.escape(site.path)}$" for site in sites])
        for name, sites in stages.items()
    }


def _swappable(model: keras.Model, patterns: list[str] | None) -> list:
    """The sites, in the network's order, at which LENI would replace the activation."""
    sites = {}

    def note(site) -> bool:
        sites[site.path] = site
        return True

    plan = plan_activation_swap(model, where=note)
    if patterns is not None:
        plan = plan_activation_swap(model, where=patterns)
    swapped = {entry.path for entry in plan.sites if entry.action == "swap"}
    return [site for path, site in sites.items() if path in swapped]


def _part(sites: list, where: list[str]) -> Part:
    return Part(
        where=where,
        channels=frozenset(site.channels for site in sites),
        function=_JOINT.join(dict.fromkeys(site.function for site in sites)),
    )


def _size(site) -> str:
    axes = [size for i, size in enumerate(site.shape) if i not in (0, site.axis)]
    return "x".join("any" if size is None else str(size) for size in axes) or "dense"
