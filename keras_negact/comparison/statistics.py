"""Differences paired by seed: intervals, tests, and what so many seeds could have shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_negact._extras import require


@dataclass(frozen=True)
class PairedDifference:
    """A variant against the reference, seed by seed.

    Attributes:
        mean: the mean of the differences, variant minus reference.
        count: the number of seeds that both have.
        interval: the 95 % interval of the mean (Student's t, `count - 1` degrees of freedom);
            `None` with fewer than two seeds.
        p_value: two-sided, for no difference; `None` with fewer than two seeds.
        adjusted_p_value: after Holm, over all the variants compared.
        adjusted_interval: the interval at the level at which Holm tests this variant. It leaves
            zero out exactly where `adjusted_p_value` is below 5 %. It shows the test; its coverage
            is per variant, not simultaneous.
        detectable: the smallest true difference that so many seeds, spread as these are, would
            have shown at that level in four cases out of five (power 80 %).
        verdict: `"better"`, `"worse"`, `"no difference seen"`, or `"too few seeds"`.
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
    differences: dict[str, Sequence[float]], significance: float = 0.05, power: float = 0.8
) -> dict[str, PairedDifference]:
    """Test every variant's differences to the reference, together.

    Formula: `mean +- t * sd / sqrt(n)`, `t` Student's quantile for `n - 1` degrees of freedom.
    Holm: with `m` variants in the order of their p-values, the `k`-th is tested at
    `significance / (m - k + 1)`; from the first that fails, all fail, at that one's level.

    Args:
        differences: for each variant one difference a seed, variant minus reference.
        significance: the chance, over all variants, of calling one different that is not.
        power: the chance of seeing a difference as large as `detectable`.

    Returns:
        For each variant its `PairedDifference`, in the order given.

    Source:
        Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of
        Statistics 6 (1979) 65-70.
    """
    tested = {name: np.asarray(d, "float64") for name, d in differences.items() if len(d) > 1}
    p_values = {name: _p_value(values) for name, values in tested.items()}
    adjusted = holm(p_values)
    levels = _holm_levels(p_values, significance)
    results = {}
    for name, values in differences.items():
        mean = float(np.mean(values)) if len(values) else math.nan
        if name not in tested:
            results[name] = PairedDifference(
                mean, len(values), None, None, None, None, None, "too few seeds"
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
            _verdict(mean, adjusted[name], significance),
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
    if deviation == 0:
        return 0.0
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


def _p_value(values: np.ndarray) -> float:
    if np.ptp(values) == 0:
        # Without spread the statistic is 0/0 or infinite.
        return 1.0 if values[0] == 0 else 0.0
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


def _verdict(mean: float, adjusted_p_value: float, significance: float) -> str:
    if adjusted_p_value >= significance:
        return "no difference seen"
    return "better" if mean > 0 else "worse"
