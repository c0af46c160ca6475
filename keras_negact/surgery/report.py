"""What was swapped, what was not, and why."""

import html
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class SitePlan:
    """What happens at one activation of the source network.

    Attributes:
        path: names from the outermost model inwards, joined by `/`.
        function: the function of the activation.
        kind: `"layer"`, `"fused"` or `"operation"`.
        shape: of the feature maps, with `None` where unknown.
        action: `"swap"`; `"compress"`: swapped, with a 1x1 convolution that brings the width back;
            `"skip"`: left, because of a conflict; `"leave"`: left, because it is none of those
            asked for.
        reason: why, where that is not plain.
        keeps_function: whether the outputs are the same as before.
        new_parameters: weights of the new layers.
        new_multiply_adds: multiply-adds of the new layers for one example, or for one pixel where
            the size is unknown.
    """

    path: str
    function: str
    kind: str
    shape: tuple
    action: str
    reason: str = ""
    keeps_function: bool = True
    new_parameters: int = 0
    new_multiply_adds: float = 0


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

    sites: list[SitePlan]
    before: Totals
    after: Totals
    channels: str
    on_conflict: str
    per_pixel: bool
    fresh: list[str]
    synchronized: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, dictionaries and numbers, ready for JSON."""
        return asdict(self)

    def count(self, action: str) -> int:
        """How many sites have that action."""
        return sum(site.action == action for site in self.sites)

    def rows(self) -> list[tuple[str, ...]]:
        """The table, as text."""
        return [
            (
                site.path,
                site.function,
                "x".join("?" if size is None else str(size) for size in site.shape[1:]),
                site.action,
                f"{site.new_parameters:,}",
                short(site.new_multiply_adds),
                site.reason,
            )
            for site in self.sites
        ]

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


HEADINGS = ("site", "function", "shape", "action", "parameters", "multiply-adds", "reason")


def as_text(report: Report) -> str:
    """The report as a table for a terminal."""
    rows = [HEADINGS, *report.rows()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in (4, 5) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths[:-1]))
    return "\n".join([*lines, "", *report.summary()])


def as_html(report: Report) -> str:
    """The report as a table for a notebook."""

    def row(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    body = "".join(row(cells, "td") for cells in report.rows())
    summary = "<br>".join(html.escape(line) for line in report.summary())
    return f"<table>{row(HEADINGS, 'th')}{body}</table><p>{summary}</p>"


def short(number: float) -> str:
    """A number with a suffix: `3.86 G`."""
    for size, suffix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")):
        if number >= size:
            return f"{number / (1e3 if suffix == ' k' else size):.3g}{suffix}"
    return f"{number:.3g}" if number % 1 else f"{int(number)}"


def percent(before: float, after: float) -> str:
    """The change from one number to another."""
    return f"{100 * (after - before) / before:+.2f} %" if before else "was 0"
