"""Against worked examples of others: Student's sleep data, R's documentation, G*Power's tables."""

import math

import numpy as np
import pytest

from keras_negact.comparison.statistics import (
    compare_paired,
    holm,
    seeds_needed,
    smallest_detectable,
)

# Student (1908), Biometrika 6: extra hours of sleep with two drugs, ten patients.
FIRST_DRUG = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SECOND_DRUG = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


def test_paired_difference_of_the_sleep_data():
    result = compare_paired({"second": SECOND_DRUG - FIRST_DRUG})["second"]
    assert result.count == 10
    assert result.mean == pytest.approx(1.58)
    assert result.interval == pytest.approx((0.7001142, 2.4598858), abs=1e-7)
    assert result.p_value == pytest.approx(0.002833, abs=5e-7)
    assert result.verdict == "better"


def test_alone_a_variant_is_tested_at_the_full_level():
    result = compare_paired({"second": SECOND_DRUG - FIRST_DRUG})["second"]
    assert result.adjusted_p_value == result.p_value
    assert result.adjusted_interval == result.interval


def test_holm_as_in_its_worked_example():
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    p_values = dict(zip("abcd", (0.01, 0.04, 0.03, 0.005), strict=True))
    assert holm(p_values) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(holm(p_values)) == list("abcd")


def test_holm_stays_at_most_one():
    assert holm({"a": 0.7, "b": 0.9}) == {"a": 1.0, "b": 1.0}


@pytest.mark.parametrize(("effect", "count"), [(0.5, 34), (0.8, 15), (0.2, 199)])
def test_detectable_where_power_tables_have_it(effect, count):
    """G*Power: so many pairs are the least for power 80 % at that effect, two-sided 5 %."""
    assert smallest_detectable(1.0, count) <= effect < smallest_detectable(1.0, count - 1)


def test_detectable_by_simulation():
    count, deviation, level = 4, 0.7, 0.01
    shift = smallest_detectable(deviation, count, level, power=0.6)
    samples = np.random.default_rng(0).normal(shift, deviation, (200_000, count))
    statistic = samples.mean(axis=1) / (samples.std(axis=1, ddof=1) / math.sqrt(count))
    # Student's t with 3 degrees of freedom, upper 0.5 %: 5.8409 in every table.
    assert np.mean(statistic > 5.8409) == pytest.approx(0.6, abs=0.005)


def test_adjusted_interval_and_verdict_agree():
    generator = np.random.default_rng(1)
    shifts = np.linspace(0, 2.5, 12)
    differences = {f"{i}": generator.normal(shift, 1, 5) for i, shift in enumerate(shifts)}
    results = compare_paired(differences)
    seen = [result.verdict != "no difference seen" for result in results.values()]
    assert any(seen)
    assert not all(seen)
    for result in results.values():
        low, high = result.adjusted_interval
        assert (low > 0 or high < 0) == (result.adjusted_p_value < 0.05)
        assert (result.verdict == "no difference seen") == (result.adjusted_p_value >= 0.05)
        assert low <= result.interval[0] <= result.interval[1] <= high


def test_worse_is_called_worse():
    results = compare_paired({"a": [-1.0, -1.1, -0.9, -1.05]})
    assert results["a"].verdict == "worse"


def test_one_seed_is_too_few():
    result = compare_paired({"a": [0.3], "b": [0.1, 0.2, 0.15]})
    assert result["a"].verdict == "too few seeds"
    assert result["a"].interval is None
    # It is not tested, so it does not count among the tested.
    assert result["b"].adjusted_p_value == result["b"].p_value


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [0.5, 0.5], [0.62 - 0.6, 0.52 - 0.5]])
def test_seeds_that_do_not_differ_show_nothing(values):
    """The last two are the same number of examples, apart by rounding."""
    results = compare_paired({"a": values, "b": [0.1, 0.2, 0.15]})
    assert results["a"].verdict == "no spread seen"
    assert results["a"].mean == pytest.approx(np.mean(values))
    assert (results["a"].interval, results["a"].p_value, results["a"].detectable) == (None,) * 3
    # It is not tested, so it does not count among the tested.
    assert results["b"].adjusted_p_value == results["b"].p_value


def test_accuracies_are_rounded_to_single_precision():
    better, reference = np.float32([[0.52, 0.54], [0.50, 0.52]]).astype(float)
    values = better - reference
    assert np.ptp(values) > 1e-8
    assert compare_paired({"a": values})["a"].verdict == "no spread seen"


@pytest.mark.parametrize("pilot", [[0.0, 0.0], [0.3, 0.1 + 0.2], [-2.5, -2.5, -2.5]])
def test_seeds_that_do_not_differ_say_nothing_on_how_many_it_takes(pilot):
    with pytest.raises(ValueError, match=r"`pilot` must be differences that are not all the same"):
        seeds_needed(pilot, 0.5)
