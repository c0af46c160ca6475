"""What a plan does to a network: which places, to what end, and what it costs then."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from keras_negact._table import Table, dimensions, percent, short
from keras_negact.surgery.sites import Site

# Every action that a plan can decide on, and how it is told of.
ACTIONS = {
    "swap": "swapped",
    "compress": "swapped and compressed",
    "fold": "folded",
    "reduce": "reduced",
    "skip": "skipped for a conflict",
    "leave": "left",
}


@dataclass(frozen=True)
class Totals:
    """Parameters and multiply-adds, as `surgery.costs` counts them."""

    parameters: int
    multiply_adds: float


@dataclass(frozen=True)
class Report:
    """What a plan does to a network, before it is done.

    Attributes:
        sites: one entry for each place that was looked at.
        before: the totals of the network as it is.
        after: those of what becomes of it.
        per_pixel: whether multiply-adds are for one pixel of the input, whose size is unknown.
    """

    sites: list[Site]
    before: Totals
    after: Totals
    per_pixel: bool

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, dictionaries and numbers, ready for JSON."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        totals = {name: asdict(plain[name]) for name in ("before", "after")}
        return {**plain, **totals, "sites": [site.to_dict() for site in self.sites]}

    def count(self, action: str) -> int:
        """How many sites have that action."""
        return sum(site.action == action for site in self.sites)

    def table(self) -> Table:
        """The report as a table."""
        rows = [
            (
                site.path,
                site.function,
                dimensions(site.shape),
                site.action,
                site.form,
                site.into,
                f"{site.new_parameters:,}",
                short(site.new_multiply_adds),
                site.reason,
            )
            for site in self.sites
        ]
        table = Table(_HEADINGS, rows, numbers=frozenset({6, 7}), notes=self.summary())
        return table.without_empty_columns()

    def summary(self) -> list[str]:
        """The totals, as lines of text."""
        unit = " per pixel" if self.per_pixel else ""
        before, after = self.before, self.after
        return [
            *self.headlines(),
            f"parameters: {before.parameters:,} -> {after.parameters:,} "
            f"({percent(before.parameters, after.parameters)})",
            f"multiply-adds{unit}: {short(before.multiply_adds)} -> {short(after.multiply_adds)} "
            f"({percent(before.multiply_adds, after.multiply_adds)})",
        ]

    def headlines(self) -> list[str]:
        """What happens, in numbers of sites."""
        raise NotImplementedError


@dataclass(frozen=True)
class SwapReport(Report):
    """What a swap does to a network.

    Attributes:
        sites: one entry for each activation of the source network.
        channels: as asked for, or as followed from the activation.
        on_conflict: the same.
        fresh: the weights of the clone that come wholly or partly from their initializers, not from
            the source; those of the new layers not counted.
        synchronized: layers of batch normalization that become synchronized ones.
    """

    channels: str
    on_conflict: str
    fresh: list[str]
    synchronized: list[str]

    def headlines(self) -> list[str]:
        told = counted(self.sites) or "none"
        return [f"{len(self.sites)} activations: {told} (channels: {self.channels})"]

    def summary(self) -> list[str]:
        lines = super().summary()
        swapped = [site for site in self.sites if site.action in ("swap", "compress")]
        changed = sum(not site.keeps_function for site in swapped)
        if self.fresh:
            lines.append(f"outputs change: {len(self.fresh)} weights are fresh")
            lines += [f"  {name}" for name in self.fresh]
        elif changed:
            lines.append(f"outputs change: {changed} activations compute another function")
        if self.synchronized:
            lines.append(f"synchronized batch normalization: {len(self.synchronized)} layers")
        return lines


def counted(sites: Iterable[Site]) -> str:
    """How many sites have which action: `7 folded, 2 left`."""
    numbers = Counter(site.action for site in sites)
    return ", ".join(
        f"{numbers[action]} {ACTIONS[action]}" for action in ACTIONS if action in numbers
    )


_HEADINGS = (
    "site",
    "function",
    "shape",
    "action",
    "form",
    "into",
    "parameters",
    "multiply-adds",
    "reason",
)
