"""Differences paired by seed: intervals, tests, and what so many seeds could have shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_negact import _checks
from keras_negact._extras import require

# What the difference of two numbers of single precision near one is known to.
SINGLE_PRECISION = 2.0**-22


@dataclass(frozen=True)
class PairedDifference:
    """A variant against the reference, seed by seed.

    Attributes:
        mean: the mean of the differences, variant minus reference.
        count: the number of seeds that both have.
        interval: the 95 % interval of the mean (Student's t, `count - 1` degrees of freedom);
            `None`, as all that follows but the verdict, where nothing can be tested: with fewer
            than two seeds, or where the seeds do not differ.
        p_value: two-sided, for no difference.
        adjusted_p_value: after Holm, over all the variants that were tested.
        adjusted_interval: the interval at the level at which Holm tests this variant. It leaves
            zero out exactly where `adjusted_p_value` is below 5 %. It shows the test; its coverage
            is per variant, not simultaneous.
        detectable: the smallest true difference that so many seeds, spread as these are, would
            have shown at that level in four cases out of five (power 80 %).
        verdict: `"better"`, `"worse"` or `"no difference seen"`; `"too few seeds"` with fewer than
            two; `"no spread seen"` where all seeds have the same difference, as a few examples give
            by chance: how far another seed would be from it is not known then.
    """

    mean: float
    count: int
    interval: tuple[float, float] | None
    p_value: float | None
    adjusted_p_value: float | None
    adjusted_interval: tuple[float, float] | None
    detectable: float | None
    verdict: str


def compare_paired(
    differences: dict[str, Sequence[float]],
    significance: float = 0.05,
    power: float = 0.8,
    larger_is_better: bool = True,
    resolution: float = SINGLE_PRECISION,
) -> dict[str, PairedDifference]:
    """Test every variant's differences to the reference, together.

    Formula: `mean +- t * sd / sqrt(n)`, `t` Student's quantile for `n - 1` degrees of freedom.
    Holm: with `m` variants in the order of their p-values, the `k`-th is tested at
    `significance / (m - k + 1)`; from the first that fails, all fail, at that one's level.

    Args:
        differences: for each variant one difference a seed, variant minus reference.
        significance: the chance, over all variants, of calling one different that is not.
        power: the chance of seeing a difference as large as `detectable`.
        larger_is_better: whether a positive difference is an improvement.
        resolution: what rounding leaves of equal differences; a spread no larger than it is none.

    Returns:
        For each variant its `PairedDifference`, in the order given.

    Source:
        Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of
        Statistics 6 (1979) 65-70.
    """
    tested = {
        name: np.asarray(values, "float64")
        for name, values in differences.items()
        if len(values) > 1 and np.ptp(values) > resolution
    }
    p_values = {name: _p_value(values) for name, values in tested.items()}
    adjusted = holm(p_values)
    levels = _holm_levels(p_values, significance)
    results = {}
    for name, values in differences.items():
        mean = float(np.mean(values)) if len(values) else math.nan
        if name not in tested:
            verdict = "no spread seen" if len(values) > 1 else "too few seeds"
            results[name] = PairedDifference(
                mean, len(values), None, None, None, None, None, verdict
            )
            continue
        results[name] = PairedDifference(
            mean,
            len(values),
            _interval(tested[name], significance),
            p_values[name],
            adjusted[name],
            _interval(tested[name], levels[name]),
            smallest_detectable(
                float(np.std(tested[name], ddof=1)), len(values), levels[name], power
            ),
            _verdict(mean if larger_is_better else -mean, adjusted[name], significance),
        )
    return results


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Adjust p-values for having tested several hypotheses (Holm's step-down procedure)."""
    adjusted, largest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.get)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def smallest_detectable(
    deviation: float, count: int, significance: float = 0.05, power: float = 0.8
) -> float:
    """The true mean that a two-sided t-test on `count` differences finds with this power.

    Formula: the `d` with `P(|T| > t) = power`, where `T` is noncentral t with noncentrality
    `d * sqrt(count) / deviation` and `t` the quantile for `count - 1` degrees of freedom.

    Args:
        deviation: the standard deviation of the differences.
        count: how many there are, at least two.
        significance: the level of the test.
        power: the chance of finding it.
    """
    stats, optimize = require("scipy.stats", "data"), require("scipy.optimize", "data")
    freedom = count - 1
    quantile = stats.t.isf(significance / 2, freedom)

    def missing_power(shift):
        # The chance of a significant result with the wrong sign is left out: below 1e-4 here, and
        # it would be no success.
        return power - stats.nct.sf(quantile, freedom, shift)

    largest = 1.0
    while missing_power(largest) > 0:
        largest *= 2
    shift = optimize.brentq(missing_power, 0.0, largest)
    return float(shift * deviation / math.sqrt(count))


def seeds_needed(
    pilot: Sequence[float],
    difference: float,
    significance: float = 0.05,
    power: float = 0.8,
) -> int:
    """How many seeds it takes to see a true difference, judged by a few pilot seeds.

    Formula: the least `n` for which `smallest_detectable(sd, n) <= difference`, `sd` the standard
    deviation of the pilot's differences. With two or three of them that is a rough guess: the true
    one is within a factor of 0.5 to 6 of it (95 %, three pilot seeds).

    Args:
        pilot: differences to the reference, paired by seed, two at least, and not all the same.
        difference: what is to be seen, in the same unit, positive.
        significance: the level of the test, before any adjustment for several variants.
        power: the chance of seeing it.

    Returns:
        The number of seeds, two at least.

    Raises:
        ValueError: if an argument is not allowed, or a million seeds would not be enough.

    Examples:
        >>> seeds_needed([0.4, -0.1, 0.3], difference=0.5)
        5
    """
    values = np.asarray(pilot, "float64")
    if values.ndim != 1 or len(values) < 2 or not np.all(np.isfinite(values)):
        raise _checks.refused("pilot", "two or more finite differences", pilot)
    if np.ptp(values) <= SINGLE_PRECISION * np.max(np.abs(values)):
        raise _checks.refused("pilot", "differences that are not all the same", pilot)
    difference = _checks.number("difference", difference, above=0)
    significance = _checks.number("significance", significance, 1e-6, 0.5)
    power = _checks.number("power", power, 0.5, 0.999)
    deviation = float(np.std(values, ddof=1))
    few, enough = 1, 2
    while smallest_detectable(deviation, enough, significance, power) > difference:
        few, enough = enough, 2 * enough
        if enough > 1_000_000:
            raise _checks.refused("difference", "one that a million seeds would show", difference)
    while enough - few > 1:
        middle = (few + enough) // 2
        if smallest_detectable(deviation, middle, significance, power) > difference:
            few = middle
        else:
            enough = middle
    return enough


def _p_value(values: np.ndarray) -> float:
    return float(require("scipy.stats", "data").ttest_1samp(values, 0.0).pvalue)


def _interval(values: np.ndarray, significance: float) -> tuple[float, float]:
    mean, count = float(np.mean(values)), len(values)
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    reach = require("scipy.stats", "data").t.isf(significance / 2, count - 1) * error
    return mean - float(reach), mean + float(reach)


def _holm_levels(p_values: dict[str, float], significance: float) -> dict[str, float]:
    levels, failed = {}, None
    for rank, name in enumerate(sorted(p_values, key=p_values.get)):
        level = failed or significance / (len(p_values) - rank)
        if p_values[name] >= level:
            failed = level
        levels[name] = level
    return levels


def _verdict(gain: float, adjusted_p_value: float, significance: float) -> str:
    if adjusted_p_value >= significance:
        return "no difference seen"
    return "better" if gain > 0 else "worse"
