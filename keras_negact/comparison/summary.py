"""What the runs of a comparison say together."""

import dataclasses
import math
import os
import statistics
from collections.abc import Sequence
from typing import Any

from keras_negact.comparison import pictures
from keras_negact.comparison.results import read_runs
from keras_negact.comparison.statistics import PairedDifference, compare_paired


@dataclasses.dataclass(frozen=True)
class VariantSummary:
    """One variant over all its seeds.

    Attributes:
        variant, activation, model: as in the runs.
        seeds: the seeds that it was trained from.
        accuracies: for each of them, on the test set (or validation, see `Summary.split`), 0 to 1.
        accuracy: their mean.
        gap: accuracy on the training images of the last epoch, augmented as they were, in inference
            mode, minus `accuracy`.
        difference: to the reference, paired by seed; `None` for the reference itself.
        differences: of each seed that both have.
        parameters: trainable ones.
        multiply_adds: for one example; `None` where unknown.
        step_seconds, inference_ms: of a training step and of a batch, the median over the runs on
            `Summary.timed_on`; `None` where none was made there.
    """

    variant: str
    activation: str
    model: str
    seeds: list[int]
    accuracies: list[float]
    accuracy: float
    gap: float
    difference: PairedDifference | None
    differences: list[float]
    parameters: int
    multiply_adds: int | None
    step_seconds: float | None
    inference_ms: float | None


@dataclasses.dataclass(frozen=True)
class Summary:
    """A comparison, summed up.

    Attributes:
        reference: the variant that the others are compared to.
        split: the images that accuracies are of, `"test"` or `"validation"`.
        protocol: what all runs have in common.
        timed_on: the hardware that most runs were made on, which times are of.
        inference_batch: the images in the batch that inference was timed with.
        variants: one `VariantSummary` each: the reference, then by accuracy.
    """

    reference: str
    split: str
    protocol: dict[str, Any]
    timed_on: dict[str, Any]
    inference_batch: int
    variants: list[VariantSummary]

    def __getitem__(self, variant: str) -> VariantSummary:
        return next(one for one in self.variants if one.variant == variant)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, dictionaries and numbers, ready for JSON."""
        return dataclasses.asdict(self)

    def to_markdown(self) -> str:
        """The table, with a caption that says how to read it. Accuracies in points of percent."""
        rows = [_HEADINGS, ["---"] + ["---:"] * (len(_HEADINGS) - 2) + ["---"]]
        rows += [_row(one) for one in self.variants]
        table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        return f"{table}\n\n{self._caption()}\n"

    def draw_differences(self, path: str | os.PathLike) -> None:
        """Draw each variant's difference to the reference, with its intervals."""
        pictures.draw_differences(self, path)

    def draw_costs(self, path: str | os.PathLike) -> None:
        """Draw accuracy against parameters, multiply-adds and the time of a training step."""
        pictures.draw_costs(self, path)

    def _caption(self) -> str:
        compared = len(self.variants) - 1
        hardware = ", ".join(f"{key} {value}" for key, value in self.timed_on.items())
        protocol = "; ".join(f"{key} {value}" for key, value in self.protocol.items())
        return (
            f"Accuracy on the {self.split} images, in percent. Difference: to {self.reference}, "
            "paired by seed, in points, with Student's 95 % interval. The verdict is that of the "
            f"p-value after Holm over the {compared} variants, at 5 %. Detectable: the true "
            "difference that so many seeds would have shown, at the level of that test, in 80 % "
            f"of cases. Gap: training minus {self.split} accuracy. Times: medians on {hardware}; "
            f"inference of {self.inference_batch} images. Protocol: {protocol}."
        )


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
    """
    if isinstance(runs, str | os.PathLike) or (runs and not isinstance(runs[0], dict)):
        runs = read_runs(runs)
    by_variant: dict[str, dict[int, dict]] = {}
    for run in runs:
        by_variant.setdefault(run["variant"], {})[run["seed"]] = run
    if reference not in by_variant:
        raise ValueError(
            f"There are no runs of the reference {reference!r}. There are: {sorted(by_variant)}."
        )
    split = runs[0]["protocol"].get("evaluated_on", "test")
    paired = {
        name: _paired(of_seed, by_variant[reference], split)
        for name, of_seed in by_variant.items()
        if name != reference
    }
    tested = compare_paired(paired)
    timed_on = _commonest_hardware(runs)
    variants = [
        _summary(name, of_seed, split, tested.get(name), paired.get(name, []), timed_on)
        for name, of_seed in by_variant.items()
    ]
    return Summary(
        reference=reference,
        split=split,
        protocol=runs[0]["protocol"],
        timed_on=timed_on,
        inference_batch=runs[0]["inference_batch"],
        variants=sorted(variants, key=lambda one: (one.variant != reference, -one.accuracy)),
    )


def _paired(of_seed: dict[int, dict], reference: dict[int, dict], split: str) -> list[float]:
    return [
        _accuracy(of_seed[seed], split) - _accuracy(reference[seed], split)
        for seed in sorted(of_seed.keys() & reference.keys())
    ]


def _accuracy(run: dict, split: str) -> float:
    return run[f"{split}_accuracy"]


def _commonest_hardware(runs: Sequence[dict]) -> dict[str, Any]:
    counts: dict[tuple, int] = {}
    for run in runs:
        key = tuple(run["hardware"].items())
        counts[key] = counts.get(key, 0) + 1
    return dict(max(counts, key=counts.get))


def _summary(name, of_seed, split, difference, differences, timed_on) -> VariantSummary:
    runs = [of_seed[seed] for seed in sorted(of_seed)]
    accuracies = [_accuracy(run, split) for run in runs]
    timed = [run for run in runs if run["hardware"] == timed_on]
    return VariantSummary(
        variant=name,
        activation=runs[0]["activation"],
        model=runs[0]["model"],
        seeds=sorted(of_seed),
        accuracies=accuracies,
        accuracy=statistics.fmean(accuracies),
        gap=statistics.fmean(run["train_accuracy"] for run in runs) - statistics.fmean(accuracies),
        difference=difference,
        differences=differences,
        parameters=runs[0]["parameters"],
        multiply_adds=runs[0]["multiply_adds"],
        step_seconds=statistics.median(run["seconds_per_step"] for run in timed) if timed else None,
        inference_ms=statistics.median(run["inference_ms"] for run in timed) if timed else None,
    )


_HEADINGS = [
    "variant",
    "accuracy",
    "difference (95 %)",
    "p (Holm)",
    "detectable",
    "seeds",
    "gap",
    "parameters",
    "multiply-adds",
    "ms a step",
    "ms inference",
    "verdict",
]


def _row(one: VariantSummary) -> list[str]:
    return [
        one.variant.replace("|", "\\|"),
        f"{100 * one.accuracy:.2f}",
        *_difference_cells(one.difference),
        str(len(one.seeds)),
        f"{100 * one.gap:+.2f}",
        f"{one.parameters:,}",
        "" if one.multiply_adds is None else f"{one.multiply_adds / 1e6:,.2f} M",
        "" if one.step_seconds is None else f"{1e3 * one.step_seconds:.1f}",
        "" if one.inference_ms is None else f"{one.inference_ms:.1f}",
        "reference" if one.difference is None else one.difference.verdict,
    ]


def _difference_cells(difference: PairedDifference | None) -> list[str]:
    if difference is None:
        return ["", "", ""]
    if difference.interval is None:
        mean = "" if math.isnan(difference.mean) else f"{100 * difference.mean:+.2f}"
        return [mean, "", ""]
    low, high = (100 * bound for bound in difference.interval)
    return [
        f"{100 * difference.mean:+.2f} ({low:+.2f} to {high:+.2f})",
        f"{difference.adjusted_p_value:.3f}",
        f"{100 * difference.detectable:.2f}",
    ]
