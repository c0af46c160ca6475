"""A table with lines of text below it, for a terminal, a notebook or a document."""

import html
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """Cells of text.

    Attributes:
        headings: of the columns.
        rows: one tuple of cells each.
        numbers: indices of the columns that are set flush right.
        notes: the lines below.
    """

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: frozenset[int] = frozenset()
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """For a terminal."""
        rows = [self.headings, *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        # What stands last is mostly prose, which nothing has to line up with.
        widths[-1] = len(self.headings[-1])
        lines = [self._line(row, widths) for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*lines, "", *self.notes])

    def html(self) -> str:
        """For a notebook."""

        def row(cells, tag):
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        body = "".join(row(cells, "td") for cells in self.rows)
        notes = "<br>".join(map(html.escape, self.notes))
        return f"<table>{row(self.headings, 'th')}{body}</table><p>{notes}</p>"

    def markdown(self) -> str:
        """For a document."""

        def row(cells):
            return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

        rule = row(["---:" if i in self.numbers else "---" for i in range(len(self.headings))])
        return "\n".join([row(self.headings), rule, *map(row, self.rows), "", *self.notes])

    def _line(self, row, widths) -> str:
        cells = [
            cell.rjust(width) if i in self.numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()


def short(number: float) -> str:
    """A number with a suffix: `3.86 G`."""
    for size, suffix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")):
        if number >= size:
            return f"{number / (1e3 if suffix == ' k' else size):.3g}{suffix}"
    return f"{number:.3g}" if number % 1 else f"{int(number)}"


def percent(before: float, after: float) -> str:
    """The change from one number to another."""
    return f"{100 * (after - before) / before:+.2f} %" if before else "was 0"
