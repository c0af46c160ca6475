"""What was folded, what was not, and why."""

from dataclasses import asdict, dataclass

from keras_negact.surgery.table import Table, percent

_HEADINGS = ("layer", "kind", "action", "into", "reason")
_ACTIONS = ("folded", "reduced", "left")


@dataclass(frozen=True)
class Entry:
    """What happens to one layer of the source network.

    Attributes:
        path: names from the outermost model inwards, joined by `/`.
        kind: `"batch normalization"` or `"LENI"`.
        action: `"folded"`: a batch normalization that is gone, a LENI with one kernel in the place
            of its transformation, normalization and compression; `"reduced"`: a LENI whose negative
            branch adds nothing, and which is its activation now; `"left"`: as it was.
        into: the layer that took the batch normalization, or the LENI's positive scale.
        reason: why it, or the positive scale, stays.
    """

    path: str
    kind: str
    action: str
    into: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """What folding does to a network, before it is done.

    Attributes:
        entries: one for each batch normalization and each LENI.
        parameters, layers: before and after; `layers` counts calls, so a shared layer as often as
            it is called.
    """

    entries: list[Entry]
    parameters: tuple[int, int]
    layers: tuple[int, int]

    def to_dict(self) -> dict:
        """Everything as plain lists, dictionaries and numbers, ready for JSON."""
        return asdict(self)

    def count(self, action: str, kind: str | None = None) -> int:
        """How many layers have that action."""
        return sum(e.action == action and kind in (None, e.kind) for e in self.entries)

    def summary(self) -> list[str]:
        """The totals, and every reason with the number of layers that it holds for."""
        lines = []
        for kind in dict.fromkeys(entry.kind for entry in self.entries):
            counts = [
                f"{self.count(action, kind)} {action}"
                for action in _ACTIONS
                if self.count(action, kind)
            ]
            lines.append(f"{kind}: {', '.join(counts)}")
        for name, (before, after) in (("parameters", self.parameters), ("layers", self.layers)):
            lines.append(f"{name}: {before:,} -> {after:,} ({percent(before, after)})")
        return lines

    def table(self) -> Table:
        """The report as a table."""
        rows = [(e.path, e.kind, e.action, e.into, e.reason) for e in self.entries]
        return Table(_HEADINGS, rows, notes=self.summary())
