"""Where documented figures come from, and what of them is computed anew."""

import pathlib

import numpy as np
from scipy import stats

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def interval(one, other, decimals=2):
    """Mean and Student's 95 % interval of differences, paired by seed, as they are written."""
    seeds = sorted(one.keys() & other.keys())
    values = np.array([one[seed] - other[seed] for seed in seeds])
    reach = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return tuple(
        f"{x:+.{decimals}f}" for x in (values.mean(), values.mean() - reach, values.mean() + reach)
    )
