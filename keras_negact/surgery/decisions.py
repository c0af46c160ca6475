"""Which sites are swapped how, when some changes of width lead to conflicts."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from keras_negact.graph import Graph
from keras_negact.surgery.handlers import Conflict
from keras_negact.surgery.narrowing import narrowed_calls
from keras_negact.surgery.propagation import COMPRESS, LEAVE, Propagation, Propagator
from keras_negact.surgery.sites import Site

ON_CONFLICT = ("skip", "compress", "raise")


@dataclass(frozen=True)
class Decisions:
    """Actions without conflicts, and what they lead to.

    Attributes:
        actions: what happens at each site.
        reasons: for the sites where a conflict changed that, by number, the conflict.
        propagation: what becomes of the other operations.
        again: follows the channels once more, with what weights hold by then.
    """

    actions: list[str]
    reasons: dict[int, str]
    propagation: Propagation
    again: Callable[[], Propagation]


def decide(graph: Graph, sites: list[Site], wanted: list[str], on_conflict: str) -> Decisions:
    """Give up, or compress, as few of the wanted swaps as will do.

    Args:
        wanted: the action wished for at each site.
        on_conflict: `"skip"`, `"compress"` or `"raise"`.

    Raises:
        ValueError: for a conflict, under `"raise"`.
    """
    actions, reasons = list(wanted), {}
    propagator = Propagator(graph, sites)
    otherwise = COMPRESS if on_conflict == "compress" else LEAVE
    while True:
        narrowed, refused = narrowed_calls(graph, sites, actions)
        propagation = None
        if not refused:
            propagation = propagator.follow(actions, narrowed)
            if not propagation.conflicts:
                again = functools.partial(propagator.follow, list(actions), narrowed)
                return Decisions(actions, reasons, propagation, again)
            for conflict in propagation.conflicts:
                for index in _to_give_up(conflict, compress=otherwise == COMPRESS):
                    refused.setdefault(index, conflict.reason)
        if on_conflict == "raise":
            raise ValueError(_message(sites, refused))
        for index, reason in refused.items():
            actions[index] = otherwise
            reasons[index] = reason


def _to_give_up(conflict: Conflict, compress: bool) -> frozenset:
    """The sites without which, for all that is known yet, the conflict would not be."""
    changed = [channels for channels in conflict.maps if channels is not None and channels.sites]
    if not changed:
        raise RuntimeError(f"A conflict without a cause, which should not be: {conflict.reason}")
    if compress:
        # The last one on each way brings the width back; what lies before may stay wide.
        return frozenset().union(*(channels.nearest for channels in changed))
    everything = frozenset().union(*(channels.sites for channels in changed))
    if conflict.must_be_unchanged:
        return everything
    widest = max(changed, key=len)
    others = [channels for channels in changed if len(channels) < len(widest)]
    if others:
        shared = frozenset.intersection(*(channels.sites for channels in others))
        return (widest.nearest - shared) or widest.sites
    shared = frozenset.intersection(*(channels.sites for channels in changed))
    return (everything - shared) or everything


def _message(sites: list[Site], refused: dict[int, str]) -> str:
    shown = [f"  {sites[index].path}: {reason}" for index, reason in list(refused.items())[:5]]
    more = f"\n  and {len(refused) - 5} more" if len(refused) > 5 else ""
    return (
        f"The width cannot change at {len(refused)} of the activations:\n"
        + "\n".join(shown)
        + more
        + '\nAllowed: on_conflict="skip" to leave these as they are, on_conflict="compress" to '
        "bring their width back at once, or `where=` to name the ones to swap."
    )
