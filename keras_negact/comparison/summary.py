"""What the runs of a comparison say together."""

import dataclasses
import math
import os
import statistics
from collections.abc import Sequence
from typing import Any

from keras_negact import _checks
from keras_negact._table import Shown, Table
from keras_negact.comparison import pictures
from keras_negact.comparison.results import read_runs
from keras_negact.comparison.statistics import PairedDifference, compare_paired, seeds_needed


@dataclasses.dataclass(frozen=True)
class VariantSummary:
    """One variant over all its seeds.

    Attributes:
        variant: its name.
        activation: what was recorded as its activation.
        model: its network's name.
        seeds: the seeds that it was trained from.
        scores: the metric for each of them, on the test set (or validation, see `Summary.split`);
            of an accuracy from 0 to 1.
        score: their mean.
        gap: the metric on the training images of the last epoch, augmented as they were, in
            inference mode, minus `score`.
        difference: to the reference, paired by seed; `None` for the reference itself.
        differences: of each seed that both have.
        parameters: trainable ones.
        multiply_adds: for one example; `None` where unknown.

    Examples:
        >>> relu = summarize("runs/comparison")["relu"]
        >>> relu.seeds, relu.difference
        ([0], None)
    """

    variant: str
    activation: str
    model: str
    seeds: list[int]
    scores: list[float]
    score: float
    gap: float
    difference: PairedDifference | None
    differences: list[float]
    parameters: int
    multiply_adds: int | None


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
        return next(one for one in self.variants if one.variant == variant)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, dictionaries and numbers, ready for JSON."""
        return dataclasses.asdict(self)

    def table(self) -> Table:
        """A row for each variant, with a caption that says how to read it; shares in percent."""
        headings = ("variant", self.metric, *_HEADINGS)
        rows = [_row(one, self.scale) for one in self.variants]
        numbers = frozenset(range(1, len(headings) - 1))
        return Table(headings, rows, numbers, notes=[self._caption()])

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
        return 100.0 if is_share(self.metric) else 1.0

    def draw_differences(self, path: str | os.PathLike) -> None:
        """Draw each variant's difference to the reference, with its intervals."""
        pictures.draw_differences(self, path)

    def draw_costs(self, path: str | os.PathLike) -> None:
        """Draw the metric against parameters and multiply-adds."""
        pictures.draw_costs(self, path)

    def _caption(self) -> str:
        compared = len(self.variants) - 1
        protocol = "; ".join(f"{key} {value}" for key, value in self.protocol.items())
        return (
            f"{self.metric.capitalize()} on the {self.split} examples"
            f"{', in percent' if self.scale == 100 else ''}; "
            f"{'more' if self.mode == 'max' else 'less'} is better. Difference: to "
            f"{self.reference}, paired by seed, with Student's 95 % interval. The verdict is that "
            f"of the p-value after Holm over the {compared} variants, at 5 %. Detectable: the true "
            "difference that so many seeds would have shown, at the level of that test, in 80 % "
            f"of cases. Gap: training minus {self.split}. {self._seeds_for_a_point()}"
            f"Protocol: {protocol}."
        )

    def _seeds_for_a_point(self) -> str:
        """What the spread of the differences says about how many seeds are worth training."""
        spread = {one.variant: one.differences for one in self.variants if len(one.differences) > 1}
        if self.scale != 100 or not spread:
            return ""
        needed = ", ".join(f"{name} {seeds_needed(of, 0.01)}" for name, of in spread.items())
        return f"Seeds that would show a true difference of one point (5 %, power 80 %): {needed}. "


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
        name: _paired(of_seed, by_variant[reference], key)
        for name, of_seed in by_variant.items()
        if name != reference
    }
    tested = compare_paired(paired, larger_is_better=mode == "max")
    variants = [
        _summary(name, of_seed, split, metric, tested.get(name), paired.get(name, []))
        for name, of_seed in by_variant.items()
    ]
    sign = -1 if mode == "max" else 1
    return Summary(
        reference=reference,
        split=split,
        metric=metric,
        mode=mode,
        protocol=protocol,
        variants=sorted(variants, key=lambda one: (one.variant != reference, sign * one.score)),
    )


def is_share(metric: str) -> bool:
    """Whether a metric is a share from 0 to 1, which is shown in percent."""
    return "acc" in metric.split("_")[-1]


def _paired(of_seed: dict[int, dict], reference: dict[int, dict], key: str) -> list[float]:
    shared = sorted(of_seed.keys() & reference.keys())
    return [of_seed[seed][key] - reference[seed][key] for seed in shared]


def _summary(name, of_seed, split, metric, difference, differences) -> VariantSummary:
    runs = [of_seed[seed] for seed in sorted(of_seed)]
    scores = [run[f"{split}_{metric}"] for run in runs]
    return VariantSummary(
        variant=name,
        activation=runs[0]["activation"],
        model=runs[0]["model"],
        seeds=sorted(of_seed),
        scores=scores,
        score=statistics.fmean(scores),
        gap=statistics.fmean(run[f"train_{metric}"] for run in runs) - statistics.fmean(scores),
        difference=difference,
        differences=differences,
        parameters=runs[0]["parameters"],
        multiply_adds=runs[0]["multiply_adds"],
    )


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
        _number(scale * one.score, scale),
        *_difference_cells(one.difference, scale),
        str(len(one.seeds)),
        _number(scale * one.gap, scale, signed=True),
        f"{one.parameters:,}",
        "" if one.multiply_adds is None else f"{one.multiply_adds / 1e6:,.2f} M",
        "reference" if one.difference is None else one.difference.verdict,
    )


def _number(value: float, scale: float, signed: bool = False) -> str:
    kind = ".2f" if scale == 100 else ".4g"
    return f"{value:{'+' if signed else ''}{kind}}"


def _difference_cells(difference: PairedDifference | None, scale: float) -> list[str]:
    if difference is None:
        return ["", "", ""]
    mean = _number(scale * difference.mean, scale, signed=True)
    if difference.interval is None:
        return ["" if math.isnan(difference.mean) else mean, "", ""]
    low, high = (_number(scale * bound, scale, signed=True) for bound in difference.interval)
    return [
        f"{mean} ({low} to {high})",
        f"{difference.adjusted_p_value:.3f}",
        _number(scale * difference.detectable, scale),
    ]
