"""A table with lines of text below it, for a terminal, a notebook, a document or pandas."""

import html
import textwrap
from dataclasses import dataclass, field
from typing import Any

_NOTE_WIDTH = 100


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

    def without_empty_columns(self) -> "Table":
        """The same without the columns in which nothing stands."""
        kept = [i for i in range(len(self.headings)) if any(row[i] for row in self.rows)]
        if not kept:
            return self
        return Table(
            tuple(self.headings[i] for i in kept),
            [tuple(row[i] for i in kept) for row in self.rows],
            frozenset(place for place, i in enumerate(kept) if i in self.numbers),
            self.notes,
        )

    def text(self) -> str:
        """For a terminal."""
        rows = [self.headings, *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        if len(self.headings) - 1 not in self.numbers:
            # What stands last is mostly prose, which nothing has to line up with.
            widths[-1] = len(self.headings[-1])
        lines = [self._line(row, widths) for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        notes = [line for note in self.notes for line in textwrap.wrap(note, _NOTE_WIDTH) or [""]]
        return "\n".join([*lines, "", *notes] if notes else lines)

    def html(self) -> str:
        """For a notebook."""

        def row(cells, tag):
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        body = "".join(row(cells, "td") for cells in self.rows)
        notes = "<br>".join(map(html.escape, self.notes))
        below = f"<p>{notes}</p>" if notes else ""
        return f"<table>{row(self.headings, 'th')}{body}</table>{below}"

    def markdown(self) -> str:
        """For a document."""

        def row(cells):
            # Markdown takes HTML for what it is.
            escaped = (html.escape(cell, quote=False).replace("|", "\\|") for cell in cells)
            return "| " + " | ".join(escaped) + " |"

        rule = row(["---:" if i in self.numbers else "---" for i in range(len(self.headings))])
        lines = [row(self.headings), rule, *map(row, self.rows)]
        notes = [note.replace("&", "&amp;").replace("<", "&lt;") for note in self.notes]
        return "\n".join([*lines, "", *notes] if notes else lines) + "\n"

    def _line(self, row, widths) -> str:
        cells = [
            cell.rjust(width) if i in self.numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()


class Shown:
    """What is shown as its table, wherever it is shown.

    A subclass says what its `table` is and what its `records` are.
    """

    def table(self) -> Table:
        """What is shown."""
        raise NotImplementedError

    def records(self) -> list[dict[str, Any]]:
        """A dictionary for each row, of plain values."""
        raise NotImplementedError

    def to_markdown(self) -> str:
        """The table for a document."""
        return self.table().markdown()

    def to_dataframe(self) -> Any:
        """A `pandas.DataFrame` with a row for each row of the table, of numbers where it has such.

        Raises:
            ImportError: if pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise ImportError(
                "`to_dataframe` needs `pandas`, which is not installed: pip install pandas"
            ) from error
        return pandas.DataFrame(self.records())

    def __repr__(self) -> str:
        return self.table().text()

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return self.table().html()


def short(number: float) -> str:
    """A number with a suffix: `3.86 G`."""
    for size, suffix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")):
        if number >= size:
            return f"{number / (1e3 if suffix == ' k' else size):.3g}{suffix}"
    return f"{number:.3g}" if number % 1 else f"{int(number)}"


def percent(before: float, after: float) -> str:
    """The change from one number to another."""
    return f"{100 * (after - before) / before:+.2f} %" if before else "was 0"


def dimensions(shape: tuple) -> str:
    """A shape without its batch axis: `32x32x64`."""
    return "x".join("?" if size is None else str(size) for size in shape[1:])
