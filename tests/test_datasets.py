import collections
import itertools
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
import sklearn.datasets
import tensorflow_datasets as tfds

from keras_negact.datasets import is_prepared, load_dataset

DATA_DIR = os.environ.get(
    "KERAS_NEGACT_DATA",
    str(pathlib.Path(__file__).resolve().parents[2] / "shared" / "data" / "tfds"),
)


def needs_prepared(name):
    return pytest.mark.skipif(
        not (pathlib.Path(DATA_DIR) / name).is_dir(),
        reason=f"{name} is not in {DATA_DIR}: set KERAS_NEGACT_DATA",
    )


def gathered(dataset):
    images, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def in_bytes(images):
    return np.round((images + 1) * 127.5).astype("uint8")


def census(images, labels):
    return collections.Counter(
        (image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)
    )


def total_census(splits):
    counts = (census(in_bytes(images), labels) for images, labels in splits)
    return sum(counts, start=collections.Counter())


def seen_through_window(image, rows, columns, mirrored):
    """The image behind a window that is moved and mirrored, by padding and cutting."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((8, 8), (8, 8), (0, 0)), mode="edge")
    window = padded[8 + rows : 8 + rows + height, 8 + columns : 8 + columns + width]
    return window[:, ::-1] if mirrored else window


def ways_seen(image, original, reach):
    shifts = range(-reach, reach + 1)
    return [
        way
        for way in itertools.product(shifts, shifts, (False, True))
        if np.array_equal(image, seen_through_window(original, *way))
    ]


def test_digits_are_those_of_scikit_learn_each_in_one_split():
    record = load_dataset("digits", batch_size=100, augment=False)
    splits = [gathered(split) for split in (record.train, record.validation, record.test)]
    source = sklearn.datasets.load_digits()

    assert record.counts == {"train": 1294, "validation": 143, "test": 360}
    assert [len(labels) for _, labels in splits] == list(record.counts.values())
    expected = np.minimum(source.images * 16, 255).astype("uint8")
    assert total_census(splits) == census(expected, source.target)
    assert record.input_shape == (8, 8, 1)
    assert record.num_classes == 10
    assert record.class_names == tuple("0123456789")
    for images, labels in splits:
        assert images.dtype == np.float32
        assert labels.dtype == np.int32
        assert set(labels) == set(range(10))
        assert images.min() == -1
        assert images.max() == 1


def test_every_batch_but_the_last_is_full_and_the_number_of_batches_is_known():
    record = load_dataset("digits", batch_size=100)
    sizes = [len(labels) for _, labels in record.train.as_numpy_iterator()]
    assert sizes == [100] * 12 + [94]
    assert record.train.cardinality() == 13
    assert record.test.cardinality() == 4


def test_seed_and_epoch_fix_the_batches_whatever_was_read_before():
    one = load_dataset("digits", batch_size=64, seed=3)
    other = load_dataset("digits", batch_size=64, seed=3)
    for epoch in (0, 1):
        gathered(one.train_at(epoch))
    images, labels = gathered(one.train_at(5))
    same_images, same_labels = gathered(other.train_at(5))
    np.testing.assert_array_equal(images, same_images)
    np.testing.assert_array_equal(labels, same_labels)
    np.testing.assert_array_equal(gathered(one.train)[0], gathered(other.train_at(0))[0])


@pytest.mark.parametrize("change", [{"seed": 4}, {"epoch": 6}])
def test_another_seed_or_epoch_gives_another_order(change):
    settings = {"seed": 3, "epoch": 5, **change}

    def train_of(seed, epoch):
        return gathered(load_dataset("digits", 64, seed=seed, augment=False).train_at(epoch))

    images, labels = train_of(3, 5)
    other_images, other_labels = train_of(**settings)
    assert not np.array_equal(images, other_images)
    assert census(images, labels) == census(other_images, other_labels)


def test_validation_and_test_do_not_depend_on_the_seed():
    one, other = (load_dataset("digits", 64, seed=seed) for seed in (0, 1))
    for split in ("validation", "test"):
        np.testing.assert_array_equal(
            gathered(getattr(one, split))[0], gathered(getattr(other, split))[0]
        )


def test_augmentation_belongs_to_the_example_and_not_to_its_place_in_a_batch():
    one, other = (load_dataset("digits", batch_size) for batch_size in (1294, 37))
    np.testing.assert_array_equal(gathered(one.train_at(2))[0], gathered(other.train_at(2))[0])


def test_digits_are_shifted_by_one_pixel_at_most_and_never_mirrored():
    originals = gathered(load_dataset("digits", 64, augment=False).train_at(1))[0]
    images = gathered(load_dataset("digits", 64).train_at(1))[0]
    first_ways = set()
    for image, original in zip(images[:200], originals[:200], strict=True):
        ways = [way for way in ways_seen(image, original, reach=1) if not way[2]]
        assert ways
        if len(ways) == 1:
            first_ways.add(ways[0][:2])
    assert first_ways == set(itertools.product((-1, 0, 1), repeat=2))


def test_limit_bounds_what_is_read():
    record = load_dataset("digits", batch_size=8, limit=30)
    assert record.counts == {"train": 27, "validation": 3, "test": 30}
    assert load_dataset("digits", 8, limit=2).counts == {"train": 1, "validation": 1, "test": 2}
    assert load_dataset("digits", 8, limit=10**6).counts == load_dataset("digits", 8).counts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mnist"}, "`name` must be one of 'digits', 'cifar10'.*'mnist'"),
        ({"name": ["digits"]}, "`name` must be one of"),
        ({"batch_size": 0}, "`batch_size` must be an integer of at least 1. Received: 0"),
        ({"batch_size": 2.0}, r"`batch_size` .* Received: 2\.0"),
        ({"limit": 1}, "`limit` must be an integer of at least 2. Received: 1"),
        ({"seed": -1}, "`seed` must be an integer of at least 0. Received: -1"),
        ({"augment": "no"}, "`augment` must be True or False. Received: 'no'"),
        ({"download": 1}, "`download` must be True or False. Received: 1"),
    ],
)
def test_arguments_that_are_not_allowed_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(**{"name": "digits", "batch_size": 8, **arguments})


def test_absent_data_is_said_at_once_with_the_command_that_fetches_it(tmp_path):
    assert is_prepared("digits")
    start = time.perf_counter()
    assert not is_prepared("cifar10", tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        load_dataset("cifar10", batch_size=8, data_dir=tmp_path)
    assert time.perf_counter() - start < 20
    command = f"import tensorflow_datasets as tfds; tfds.load('cifar10', data_dir='{tmp_path}')"
    assert f'python -c "{command}"' in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
@needs_prepared("cifar10")
@needs_prepared("fashion_mnist")
def test_prepared_data_is_read_as_tensorflow_datasets_gives_it(name):
    record = load_dataset(name, 64, data_dir=DATA_DIR, limit=100, augment=False)
    expected = tfds.load(name, data_dir=DATA_DIR, download=False, as_supervised=True)
    assert record.counts == {"train": 90, "validation": 10, "test": 100}
    splits = {
        "train": (record.train, record.validation),
        "test": (record.test,),
    }
    for official, parts in splits.items():
        images, labels = zip(*expected[official].take(100).as_numpy_iterator(), strict=True)
        assert total_census(map(gathered, parts)) == census(images, labels)
    assert record.class_names == tuple(
        tfds.builder(name, data_dir=DATA_DIR).info.features["label"].names
    )


@needs_prepared("cifar10")
def test_cifar_images_are_shifted_by_four_pixels_at_most_and_half_of_them_mirrored():
    arguments = {"name": "cifar10", "batch_size": 64, "data_dir": DATA_DIR, "limit": 200}
    originals = gathered(load_dataset(**arguments, augment=False).train_at(1))[0]
    images = gathered(load_dataset(**arguments).train_at(1))[0]
    ways = [
        ways_seen(image, original, reach=4)
        for image, original in zip(images, originals, strict=True)
    ]
    assert all(ways)
    rows, columns, mirrored = zip(*(way[0] for way in ways if len(way) == 1), strict=True)
    assert set(rows) == set(columns) == set(range(-4, 5))
    # 180 draws: five standard deviations around the half.
    assert abs(np.mean(mirrored) - 0.5) < 0.19


def test_importing_the_package_imports_no_extra_that_keras_does_not_import_itself():
    check = (
        "import sys, keras; before = set(sys.modules); import keras_negact; "
        "extras = {'tensorflow_datasets', 'keras_tuner', 'sklearn', 'matplotlib'}; "
        "print(extras & (set(sys.modules) - before))"
    )
    output = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "set()"


def test_order_is_that_of_earlier_versions():
    """A run that was begun with one goes on with the other."""
    labels = gathered(load_dataset("digits", 64, seed=7, augment=False).train_at(3))[1]
    in_order = gathered(load_dataset("digits", 1437, augment=False).train_at(0))[1]
    first = np.random.default_rng([0, 0, 0]).permutation(1294)
    unshuffled = np.empty_like(in_order)
    unshuffled[first] = in_order
    numbers = [839, 395, 414, 895, 470, 1272, 240, 788, 821, 493]
    assert labels[:10].tolist() == unshuffled[numbers].tolist()
