"""Differences to a reference, paired by seed, for tables of records."""

from collections.abc import Callable

from keras_negact.comparison.statistics import PairedDifference, compare_paired


def by_variant(runs: list[dict]) -> dict[str, list[dict]]:
    """The runs of each variant, in the order of their seeds."""
    variants: dict[str, list[dict]] = {}
    for run in sorted(runs, key=lambda run: run["seed"]):
        variants.setdefault(run["variant"], []).append(run)
    return variants


def compared(
    runs: list[dict], reference: str, value: Callable[[dict], float]
) -> dict[str, PairedDifference]:
    """Each variant's differences to the reference in the value of a run, tested together."""
    of_seed = {
        variant: {run["seed"]: value(run) for run in own}
        for variant, own in by_variant(runs).items()
    }
    base = of_seed.get(reference, {})
    return compare_paired(
        {
            variant: [own[seed] - base[seed] for seed in sorted(own.keys() & base.keys())]
            for variant, own in of_seed.items()
            if variant != reference
        }
    )


def difference_cell(difference: PairedDifference | None, decimals: int) -> str:
    """The mean with its interval, in points; without it where there is no spread."""
    if difference is None or difference.count < 2:
        return ""
    mean, *bounds = (
        f"{100 * value:+.{decimals}f}" for value in (difference.mean, *(difference.interval or ()))
    )
    return f"{mean} ({' to '.join(bounds)})" if bounds else mean


def verdict_cell(difference: PairedDifference | None) -> str:
    """What is to be said of the difference; the reference has none."""
    return "reference" if difference is None else difference.verdict
