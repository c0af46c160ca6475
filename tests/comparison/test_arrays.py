import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from keras_negact.comparison import array_data
from keras_negact.datasets import load_dataset


def some(count, shape=(5, 4, 2), seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, *shape), "uint8"), np.arange(count)


def test_batches_are_those_of_the_package_data_sets():
    """The same seed and epoch give the same batches in both faces, augmentation included."""
    pytest.importorskip("tensorflow", reason="data sets are read by TensorFlow")
    digits = load_digits()
    x = np.minimum(digits.images[..., None] * 16, 255).astype("uint8")
    x, test_x, y, test_y = train_test_split(
        x, digits.target, test_size=0.2, stratify=digits.target, random_state=0
    )
    held_out = np.arange(200) % 10 == 9
    x, y = x[:200], y[:200]
    record = array_data(
        "digits",
        (x[~held_out], y[~held_out]),
        (x[held_out], y[held_out]),
        (test_x[:200], test_y[:200]),
        batch_size=32,
        largest_shift=1,
    )(7)
    expected = load_dataset("digits", 32, limit=200, seed=7)
    assert record.counts == expected.counts
    for mine, theirs in (
        (record.train_at(3), expected.train_at(3)),
        (record.validation, expected.validation),
        (record.test, expected.test),
    ):
        assert len(mine) == len(theirs)
        for (a, b), (c, d) in zip(mine, theirs.as_numpy_iterator(), strict=True):
            np.testing.assert_array_equal(a, c)
            np.testing.assert_array_equal(b, d)
            assert a.dtype == np.float32


def test_shifted_and_mirrored_by_a_loop_over_pixels():
    x, y = some(30)
    batches = array_data("some", (x, y), (x, y), (x, y), 30, largest_shift=2, mirror=True)(0)
    draws = np.random.default_rng([0, 4, 1]).random((30, 3))
    moved, order = batches.train_at(4)[0]
    mirrored = 0
    for image, number in zip(moved, order, strict=True):
        rows, columns = np.floor(draws[number, :2] * 5).astype(int) - 2
        flip = draws[number, 2] < 0.5
        mirrored += flip
        for i in range(5):
            for j in range(4):
                column = 3 - j if flip else j
                source = x[number, np.clip(i + rows, 0, 4), np.clip(column + columns, 0, 3)]
                np.testing.assert_allclose(image[i, j], source / 127.5 - 1, atol=1e-6)
    assert 0 < mirrored < 30


def test_signals_are_shifted_and_floats_stay_as_they_are():
    x = np.random.default_rng(0).normal(size=(6, 9, 1)).astype("float32")
    y = np.arange(6)
    batches = array_data("signals", (x, y), (x, y), (x, y), 4, largest_shift=1)(0)
    (moved, order) = batches.train_at(0)[1]
    assert moved.shape == (2, 9, 1)
    for signal, number in zip(moved, order, strict=True):
        places = [np.clip(np.arange(9) + shift, 0, 8) for shift in (-1, 0, 1)]
        assert any(np.array_equal(signal, x[number, place]) for place in places)
    np.testing.assert_array_equal(np.concatenate([a for a, _ in batches.test]), x)


def test_epochs_and_seeds_differ_and_come_again():
    x, y = some(20)
    of_seed = array_data("some", (x, y), (x, y), (x, y), 20)
    orders = [tuple(of_seed(seed).train_at(epoch)[0][1]) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4
    assert orders[3] == tuple(of_seed(1).train_at(1)[0][1])
    assert all(sorted(order) == list(range(20)) for order in orders)


def test_order_is_that_of_earlier_versions():
    x, y = some(1294, shape=(2, 2, 1))
    numbers = array_data("some", (x, y), (x, y), (x, y), 10)(7).train_at(3)[0][1]
    assert numbers.tolist() == [839, 395, 414, 895, 470, 1272, 240, 788, 821, 493]


def test_labels_must_match():
    message = r"`validation` must be .*Received: '5 examples, 4 labels'"
    with pytest.raises(ValueError, match=message):
        array_data("some", some(5), (some(5)[0], np.arange(4)), some(5))
