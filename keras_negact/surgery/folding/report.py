"""What folding does to a network."""

from dataclasses import dataclass

from keras_negact._table import percent
from keras_negact.surgery.report import Report, counted


@dataclass(frozen=True)
class FoldingReport(Report):
    """What folding does to a network, before it is done.

    Attributes:
        sites: one entry for each normalization and each block that folding looks for. `action` is
            `"fold"`: a normalization that is gone, a block with one kernel in the place of its
            transformation, normalization and negative scale; `"reduce"`: a block whose negative
            branch adds nothing, and which is its activation now; `"leave"`: as it was. `into` is
            the layer that took the normalization, or the block's positive scale.
        layers: before and after; calls are counted, so a shared layer as often as it is called.
    """

    layers: tuple[int, int]

    def headlines(self) -> list[str]:
        functions = dict.fromkeys(site.function for site in self.sites)
        lines = [f"{f}: {counted(s for s in self.sites if s.function == f)}" for f in functions]
        before, after = self.layers
        return [*lines, f"layers: {before:,} -> {after:,} ({percent(before, after)})"]
