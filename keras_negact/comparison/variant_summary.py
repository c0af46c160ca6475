"""What the runs of one variant say together."""

import dataclasses
import statistics
from typing import Any

from keras_negact.comparison.statistics import PairedDifference


@dataclasses.dataclass(frozen=True)
class VariantSummary:
    """One variant over all its seeds.

    Attributes:
        variant: its name.
        activation: what was recorded as its activation.
        model: its network's name.
        seeds: the seeds that it was trained from.
        scores: the metric for each of them, on the test set (or validation, see `Summary.split`);
            of an accuracy from 0 to 1. `None` for a run that ended in no finite number.
        score: the mean of those that are numbers; `None` where none is.
        gap: the metric on the training images of the last epoch, augmented as they were, in
            inference mode, minus `score`; of the runs that have both.
        difference: to the reference, paired by seed; `None` for the reference itself.
        differences: of each seed for which both have a score.
        diverged: the seeds whose runs ended in a loss or a metric that is no finite number.
        other_backend: the seeds that the reference was trained from on another backend, where the
            same seed starts from other weights.
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
    scores: list[float | None]
    score: float | None
    gap: float | None
    difference: PairedDifference | None
    differences: list[float]
    diverged: list[int]
    other_backend: list[int]
    parameters: int
    multiply_adds: int | None


def summarize_variant(
    name: str,
    of_seed: dict[int, dict],
    reference: dict[int, dict],
    split: str,
    metric: str,
    difference: PairedDifference | None,
) -> VariantSummary:
    """Sum up the runs of a variant, by their seeds; beside it those of the reference."""
    runs = [of_seed[seed] for seed in sorted(of_seed)]
    scores = [run[f"{split}_{metric}"] for run in runs]
    return VariantSummary(
        variant=name,
        activation=runs[0]["activation"],
        model=runs[0]["model"],
        seeds=sorted(of_seed),
        scores=scores,
        score=_mean(scores),
        gap=_gap(runs, split, metric),
        difference=difference,
        differences=paired_differences(of_seed, reference, f"{split}_{metric}")
        if difference
        else [],
        diverged=[run["seed"] for run in runs if _has_diverged(run, split, metric)],
        other_backend=_on_another_backend(of_seed, reference),
        parameters=runs[0]["parameters"],
        multiply_adds=runs[0]["multiply_adds"],
    )


def paired_differences(
    of_seed: dict[int, dict], reference: dict[int, dict], key: str
) -> list[float]:
    """Of each seed for which both have a number, in the order of the seeds."""
    pairs = _pairs(of_seed, reference)
    return [one[key] - other[key] for one, other in pairs if None not in (one[key], other[key])]


def _pairs(of_seed: dict[int, dict], reference: dict[int, dict]) -> list[tuple[dict, dict]]:
    return [(of_seed[seed], reference[seed]) for seed in sorted(of_seed.keys() & reference.keys())]


def _on_another_backend(of_seed: dict[int, dict], reference: dict[int, dict]) -> list[int]:
    pairs = _pairs(of_seed, reference)
    return [
        one["seed"]
        for one, other in pairs
        if None not in (_backend(one), _backend(other)) and _backend(one) != _backend(other)
    ]


def _backend(run: dict[str, Any]) -> str | None:
    hardware = run.get("hardware")
    return hardware.get("backend") if isinstance(hardware, dict) else None


def _has_diverged(run: dict[str, Any], split: str, metric: str) -> bool:
    splits, quantities = {"train", "validation", split}, {"loss", metric}
    return any(run.get(f"{s}_{quantity}", 0.0) is None for s in splits for quantity in quantities)


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _gap(runs: list[dict[str, Any]], split: str, metric: str) -> float | None:
    pairs = [(run[f"train_{metric}"], run[f"{split}_{metric}"]) for run in runs]
    known = [pair for pair in pairs if None not in pair]
    if not known:
        return None
    trained, scored = zip(*known, strict=True)
    return statistics.fmean(trained) - statistics.fmean(scored)
