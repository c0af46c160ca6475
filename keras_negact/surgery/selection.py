"""Which of a network's activations were asked for."""

import difflib
import re
from collections.abc import Callable, Sequence

import keras

from keras_negact import _checks
from keras_negact.surgery.functions import BOUNDED, RECTIFIERS_AND_SMOOTH
from keras_negact.surgery.sites import Site

Where = str | Sequence[str] | Callable[[Site], bool] | None

_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


class Selection:
    """Picks the sites that `where` and `source` ask for.

    Raises:
        ValueError: when `where` matches nothing, or `source` names no activation.
    """

    def __init__(self, sites: list[Site], where: Where, source: Sequence[str] | str | None):
        self.patterns = self.predicate = None
        if callable(where) and not isinstance(where, type):
            self.predicate = _checks.function("where", where, arguments=1)
        elif where is not None:
            self.patterns = _patterns(where)
            _check_patterns(self.patterns, sites)
        given = [source] if isinstance(source, str) else source
        is_names = given is None or isinstance(given, (list, tuple, set, frozenset))
        if not is_names or not all(isinstance(name, str) for name in given or ()):
            raise _checks.refused("source", "the names of functions, or None", source)
        self.listed = None if given is None else {_ALIASES.get(name, name) for name in given}
        if self.listed is not None:
            _check_functions(self.listed, sites)

    def is_named(self, site: Site) -> bool:
        """Whether `where` has the site's own path, which overrules what it looks like."""
        return self.patterns is not None and site.path in self.patterns

    def lists(self, site: Site) -> bool:
        """Whether the site's function was asked for by name."""
        return self.is_named(site) or (self.listed is not None and site.function in self.listed)

    def refusal(self, site: Site) -> str:
        """Why the site is left as it is; empty when it was asked for."""
        if site.impossible:
            return site.impossible
        if not self._matches(site):
            return "not matched by `where`"
        if self.is_named(site):
            return ""
        if site.obstacle:
            return site.obstacle
        if site.function in (self.listed if self.listed is not None else RECTIFIERS_AND_SMOOTH):
            return ""
        return "bounded" if site.function in BOUNDED else "its function is not in `source`"

    def _matches(self, site: Site) -> bool:
        if self.predicate is not None:
            return bool(self.predicate(site))
        if self.patterns is not None:
            return any(re.search(pattern, site.path) for pattern in self.patterns)
        return True


def _patterns(where) -> list[str]:
    allowed = "a regular expression, a list of some, a function from a site to a bool, or None"
    if not isinstance(where, (str, list, tuple, set, frozenset)):
        raise _checks.refused("where", allowed, where)
    patterns = [where] if isinstance(where, str) else list(where)
    if not patterns or not all(isinstance(pattern, str) for pattern in patterns):
        raise _checks.refused("where", allowed, where)
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            reason = f"{allowed} ({pattern!r} is no regular expression: {error})"
            raise _checks.refused("where", reason, where) from error
    return patterns


def _check_patterns(patterns: list[str], sites: list[Site]) -> None:
    paths = [site.path for site in sites if not site.unlisted]
    named = [site.path for site in sites if site.unlisted]
    for pattern in patterns:
        if pattern not in named and not any(re.search(pattern, path) for path in paths):
            near = difflib.get_close_matches(pattern, paths, n=5, cutoff=0.4)
            hint = f"Near misses: {near}" if near else f"There are: {paths[:5]}"
            raise ValueError(
                f"`where` matches none of the {len(paths)} activations. "
                f"Received: {pattern!r}. {hint}"
            )


def _check_functions(listed: set[str], sites: list[Site]) -> None:
    present = {site.function for site in sites}
    known = present | set(RECTIFIERS_AND_SMOOTH) | set(BOUNDED)
    unknown = [name for name in listed - known if not hasattr(keras.activations, name)]
    if unknown:
        raise ValueError(
            f"`source` names functions. Received: {sorted(unknown)}. Present in this model: "
            f"{sorted(present)}"
        )
