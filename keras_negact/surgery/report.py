"""What was swapped, what was not, and why."""

from dataclasses import asdict, dataclass
from typing import Any

from keras_negact.surgery.sites import Site
from keras_negact.surgery.table import Table, percent, short


@dataclass(frozen=True)
class Totals:
    """Parameters and multiply-adds (of convolutions, dense layers and the new layers)."""

    parameters: int
    multiply_adds: float


@dataclass(frozen=True)
class Report:
    """What a swap does to a network, before it is done.

    Attributes:
        sites: one entry for each activation of the source network.
        before, after: totals.
        channels, on_conflict: as asked for, or as followed from the activation.
        per_pixel: whether multiply-adds are for one pixel of the input, whose size is unknown.
        fresh: the weights of the clone that come wholly or partly from their initializers, not from
            the source; those of the new layers not counted.
        synchronized: layers of batch normalization that become synchronized ones.
    """

    sites: list[Site]
    before: Totals
    after: Totals
    channels: str
    on_conflict: str
    per_pixel: bool
    fresh: list[str]
    synchronized: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, dictionaries and numbers, ready for JSON."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        totals = {name: asdict(getattr(self, name)) for name in ("before", "after")}
        return {"sites": [site.to_dict() for site in self.sites], **totals, **plain}

    def count(self, action: str) -> int:
        """How many sites have that action."""
        return sum(site.action == action for site in self.sites)

    def table(self) -> Table:
        """The report as a table."""
        rows = [
            (
                site.path,
                site.function,
                "x".join("?" if size is None else str(size) for size in site.shape[1:]),
                site.action,
                site.form,
                f"{site.new_parameters:,}",
                short(site.new_multiply_adds),
                site.reason,
            )
            for site in self.sites
        ]
        return Table(_HEADINGS, rows, numbers=frozenset({5, 6}), notes=self.summary())

    def summary(self) -> list[str]:
        """The totals, as lines of text."""
        actions = ", ".join(
            f"{self.count(action)} {past}"
            for action, past in (
                ("swap", "swapped"),
                ("compress", "swapped and compressed"),
                ("skip", "skipped for a conflict"),
                ("leave", "left"),
            )
            if self.count(action)
        )
        unit = " per pixel" if self.per_pixel else ""
        lines = [
            f"{len(self.sites)} activations: {actions or 'none'} (channels: {self.channels})",
            f"parameters: {self.before.parameters:,} -> {self.after.parameters:,} "
            f"({percent(self.before.parameters, self.after.parameters)})",
            f"multiply-adds{unit}: {short(self.before.multiply_adds)} -> "
            f"{short(self.after.multiply_adds)} "
            f"({percent(self.before.multiply_adds, self.after.multiply_adds)})",
        ]
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


_PLAIN = ("channels", "on_conflict", "per_pixel", "fresh", "synchronized")
_HEADINGS = ("site", "function", "shape", "action", "form", "parameters", "multiply-adds", "reason")
