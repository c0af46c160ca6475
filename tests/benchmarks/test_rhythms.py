import importlib.util
import pathlib

import numpy as np
import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "benchmarks" / "rhythms.py"


@pytest.fixture(scope="module")
def rhythms():
    specification = importlib.util.spec_from_file_location("rhythms", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_examples_come_again_and_are_balanced(rhythms):
    signals, labels = rhythms.rhythms(30, length=256, seed=3)
    assert signals.shape == (30, 256, 1)
    assert signals.dtype == np.float32
    assert np.bincount(labels).tolist() == [10, 10, 10]
    again, same = rhythms.rhythms(30, length=256, seed=3)
    np.testing.assert_array_equal(signals, again)
    np.testing.assert_array_equal(labels, same)
    assert np.abs(signals - rhythms.rhythms(30, length=256, seed=4)[0]).max() > 1
    np.testing.assert_allclose(signals.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(signals.std(axis=1), 1, atol=1e-5)


def test_intervals_between_beats_are_those_of_their_class(rhythms):
    generator = np.random.default_rng(0)

    def intervals(name):
        beats = rhythms._beats(generator, name, end=60.0)
        times = np.diff([time for time, _ in beats])
        return times / np.median(times), [early for _, early in beats]

    regular, _ = intervals("regular")
    assert np.abs(regular - 1).max() < 0.07
    irregular, _ = intervals("irregular")
    assert np.std(irregular) > 0.15
    premature, early = intervals("premature")
    before_early = premature[np.flatnonzero(early)[:-1] - 1]
    after_early = premature[np.flatnonzero(early)[:-1]]
    assert len(before_early) > 5
    assert before_early.max() < 0.72
    assert after_early.min() > 1.3
