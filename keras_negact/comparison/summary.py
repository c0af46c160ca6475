"""What the runs of a comparison say together."""

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any

from keras_negact import _checks
from keras_negact._table import Shown, Table
from keras_negact.comparison import pictures
from keras_negact.comparison.captions import caption
from keras_negact.comparison.results import checked, merged, read_runs
from keras_negact.comparison.statistics import (
    SINGLE_PRECISION,
    PairedDifference,
    compare_paired,
)
from keras_negact.comparison.variant_summary import (
    VariantSummary,
    paired_differences,
    summarize_variant,
)


@dataclasses.dataclass(frozen=True, repr=False)
class Summary(Shown):
    """A comparison, summed up; its representation is its table.

    Attributes:
        reference: the variant that the others are compared to.
        split: the examples that scores are of, `"test"` or `"validation"`.
        metric: what is compared.
        mode: `"max"` where more of it is better, `"min"` where less is.
        protocol: what all runs have in common.
        variants: one `VariantSummary` each: the reference, then the best first.

    Examples:
        >>> summary = summarize("runs/comparison")
        >>> summary.reference, summary.metric, summary["leni"].parameters
        ('relu', 'accuracy', 71)
    """

    reference: str
    split: str
    metric: str
    mode: str
    protocol: dict[str, Any]
    variants: list[VariantSummary]

    def __getitem__(self, variant: str) -> VariantSummary:
        by_name = {one.variant: one for one in self.variants}
        if variant not in by_name:
            raise KeyError(f"There are the variants {list(by_name)}. Received: {variant!r}")
        return by_name[variant]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, dictionaries and numbers, ready for JSON."""
        return dataclasses.asdict(self)

    def table(self) -> Table:
        """A row for each variant, with a caption that says how to read it; shares in percent."""
        headings = ("variant", self.metric, *_HEADINGS)
        rows = [_row(one, self.scale) for one in self.variants]
        numbers = frozenset(range(1, len(headings) - 1))
        return Table(headings, rows, numbers, notes=[caption(self)])

    def records(self) -> list[dict[str, Any]]:
        """A dictionary for each variant; what is known of its difference stands beside the rest."""
        plain = []
        for one in self.variants:
            record = dataclasses.asdict(one)
            difference = record.pop("difference") or {}
            plain.append(record | {f"difference_{name}": x for name, x in difference.items()})
        return plain

    @property
    def scale(self) -> float:
        """What scores are multiplied with where they are shown: 100 for shares, in percent."""
        scores = [score for one in self.variants for score in one.scores if score is not None]
        return 100.0 if is_share(self.metric, scores) else 1.0

    def draw_differences(self, path: str | os.PathLike) -> None:
        """Draw each variant's difference to the reference, with its intervals."""
        pictures.draw_differences(self, path)

    def draw_costs(self, path: str | os.PathLike) -> None:
        """Draw the metric against parameters and multiply-adds."""
        pictures.draw_costs(self, path)


def summarize(
    runs: str | os.PathLike | Sequence[str | os.PathLike | dict[str, Any]], reference: str = "relu"
) -> Summary:
    """Sum up finished runs.

    Args:
        runs: a folder or files, as for `read_runs`, or the runs themselves.
        reference: the variant that the others are compared to.

    Returns:
        A `Summary`.

    Raises:
        ValueError: if there are no runs, none of the reference, or they are not comparable.

    Examples:
        >>> summary = summarize("runs/comparison", reference="relu")
        >>> [one.variant for one in summary.variants]
        ['relu', 'leni']
    """
    _checks.text("reference", reference)
    if not isinstance(runs, str | os.PathLike | list | tuple) or not runs:
        raise _checks.refused("runs", "a folder, a file, a list of them or of runs", runs)
    if isinstance(runs, str | os.PathLike) or (runs and not isinstance(runs[0], dict)):
        runs = read_runs(runs)
    else:
        runs = merged([checked(run) for run in runs])
    by_variant: dict[str, dict[int, dict]] = {}
    for run in runs:
        by_variant.setdefault(run["variant"], {})[run["seed"]] = run
    if reference not in by_variant:
        raise ValueError(
            f"`reference` must be a variant that has runs, one of {sorted(by_variant)}. "
            f"Received: {reference!r}"
        )
    protocol = runs[0]["protocol"]
    split, metric = protocol.get("evaluated_on", "test"), protocol.get("metric", "accuracy")
    mode = protocol.get("mode", "max")
    key = f"{split}_{metric}"
    paired = {
        name: paired_differences(of_seed, by_variant[reference], key)
        for name, of_seed in by_variant.items()
        if name != reference
    }
    largest = max((abs(run[key]) for run in runs if run[key] is not None), default=1.0)
    tested = compare_paired(
        paired, larger_is_better=mode == "max", resolution=SINGLE_PRECISION * largest
    )
    variants = [
        summarize_variant(name, of_seed, by_variant[reference], split, metric, tested.get(name))
        for name, of_seed in by_variant.items()
    ]
    sign = -1 if mode == "max" else 1
    return Summary(
        reference=reference,
        split=split,
        metric=metric,
        mode=mode,
        protocol=protocol,
        variants=sorted(
            variants,
            key=lambda one: (one.variant != reference, one.score is None, sign * (one.score or 0)),
        ),
    )


def is_share(metric: str, scores: Sequence[float]) -> bool:
    """Whether a metric is a share from 0 to 1, which is shown in percent.

    Some count accuracy in percent themselves, so that the name alone does not tell.
    """
    return "acc" in metric.split("_")[-1] and all(0 <= score <= 1 for score in scores)


_HEADINGS = [
    "difference (95 %)",
    "p (Holm)",
    "detectable",
    "seeds",
    "gap",
    "parameters",
    "multiply-adds",
    "verdict",
]


def _row(one: VariantSummary, scale: float) -> tuple[str, ...]:
    return (
        one.variant,
        _number(one.score, scale),
        *_difference_cells(one.difference, scale),
        str(len(one.seeds)),
        _number(one.gap, scale, signed=True),
        f"{one.parameters:,}",
        "" if one.multiply_adds is None else f"{one.multiply_adds / 1e6:,.2f} M",
        "reference" if one.difference is None else one.difference.verdict,
    )


def _number(value: float | None, scale: float, signed: bool = False) -> str:
    if value is None:
        return ""
    kind = ".2f" if scale == 100 else ".4g"
    return f"{scale * value:{'+' if signed else ''}{kind}}"


def _difference_cells(difference: PairedDifference | None, scale: float) -> list[str]:
    if difference is None:
        return ["", "", ""]
    mean = _number(difference.mean, scale, signed=True)
    if difference.interval is None:
        return ["" if math.isnan(difference.mean) else mean, "", ""]
    low, high = (_number(bound, scale, signed=True) for bound in difference.interval)
    return [
        f"{mean} ({low} to {high})",
        f"{difference.adjusted_p_value:.3f}",
        _number(difference.detectable, scale),
    ]
