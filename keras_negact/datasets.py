"""Image data sets whose order and augmentation depend on seed, epoch and example alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from keras_negact import _checks, _prepared_data
from keras_negact._batches import Batches, shuffled_batches
from keras_negact._extras import require

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["Dataset", "is_prepared", "load_dataset"]


@dataclasses.dataclass(frozen=True)
class _Augmentation:
    """How far the images of a data set may be shifted (pixels) and whether they may be mirrored."""

    largest_shift: int
    mirror: bool


_NONE = _Augmentation(largest_shift=0, mirror=False)
_AUGMENTATIONS = {
    "digits": _Augmentation(largest_shift=1, mirror=False),
    "cifar10": _Augmentation(largest_shift=4, mirror=True),
    "cifar100": _Augmentation(largest_shift=4, mirror=True),
    "fashion_mnist": _Augmentation(largest_shift=2, mirror=True),
}


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set, split and batched: pairs of float32 images in [-1, 1] and int32 labels.

    Attributes:
        name: its name.
        input_shape: shape of an image, `(height, width, channels)`.
        num_classes: the number of classes.
        class_names: their names, in the order of the labels.
        counts: images in `"train"`, `"validation"` and `"test"`.
        train_at: maps an epoch's number to its training images, shuffled and augmented. Equal seeds
            and epochs give equal batches, whatever was read before.
        validation: images held out of the official training set; fixed, whatever the seed is.
        test: images of the official test set.

    Examples:
        >>> digits = load_dataset("digits", batch_size=32, limit=100)
        >>> digits.input_shape, digits.num_classes, digits.counts
        ((8, 8, 1), 10, {'train': 90, 'validation': 10, 'test': 100})
    """

    name: str
    input_shape: tuple[int, int, int]
    num_classes: int
    class_names: tuple[str, ...]
    counts: dict[str, int]
    train_at: Callable[[int], tf.data.Dataset]
    validation: tf.data.Dataset
    test: tf.data.Dataset

    @property
    def train(self) -> tf.data.Dataset:
        """The training images of epoch 0. For a new order every epoch, train on `train_at`."""
        return self.train_at(0)


def load_dataset(
    name: str,
    batch_size: int,
    data_dir: str | PathLike | None = None,
    download: bool = False,
    limit: int | None = None,
    seed: int = 0,
    augment: bool = True,
) -> Dataset:
    """Load an image data set, hold validation images out of it, and batch it.

    Every tenth image of the training set goes to validation. Augmentation shifts an image by a few
    pixels and mirrors it where that keeps the class. He et al. (2016), section 4.2, shift CIFAR by
    up to 4 pixels over zeros; repeating the image's edge and the other data sets' shifts are ours.

    Args:
        name: `"digits"` (8 x 8, comes with scikit-learn; a fixed stratified fifth is the test set),
            `"cifar10"`, `"cifar100"` or `"fashion_mnist"` (TensorFlow Datasets).
        batch_size: images in a batch; the last batch of an epoch may be smaller.
        data_dir: where TensorFlow Datasets keeps its data; `None` is its own default.
        download: whether to fetch data that is not there.
        limit: read at most so many images of the training set, validation included, and as many of
            the test set.
        seed: with the epoch's number it fixes order and augmentation.
        augment: whether to augment the training images.

    Returns:
        A `Dataset`.

    Raises:
        ValueError: if an argument is not allowed, or the data is damaged; the message then names
            the folder to delete.
        FileNotFoundError: if the data is not there and `download` is false; the message gives the
            command that fetches it.
        ConnectionError: if the data can't be fetched, as without a network; it gives the command
            and the folder.
        ImportError: if TensorFlow or the extra `data` is not installed.

    Examples:
        >>> digits = load_dataset("digits", batch_size=32, limit=100)
        >>> images, labels = next(iter(digits.train_at(0)))
        >>> tuple(images.shape), tuple(labels.shape)
        ((32, 8, 8, 1), (32,))
    """
    name = _checks.one_of("name", name, _AUGMENTATIONS)
    batch_size = _checks.integer("batch_size", batch_size, minimum=1)
    _check_data_dir(data_dir)
    download = _checks.flag("download", download)
    limit = None if limit is None else _checks.integer("limit", limit, minimum=2)
    seed = _checks.integer("seed", seed, minimum=0)
    augmentation = _AUGMENTATIONS[name] if _checks.flag("augment", augment) else _NONE
    require("tensorflow", "tensorflow")
    if name == "digits":
        train, test, class_names = _read_digits(limit)
    else:
        train, test, class_names = _prepared_data.read(name, data_dir, download, limit)
    images, labels = train[0], train[1].astype("int32")
    test = (test[0], test[1].astype("int32"))
    held_out = np.arange(len(images)) % 10 == min(9, len(images) - 1)
    train = (images[~held_out], labels[~held_out])
    validation = (images[held_out], labels[held_out])
    train_at = shuffled_batches(
        train, batch_size, seed, augmentation.largest_shift, augmentation.mirror
    )
    return Dataset(
        name=name,
        input_shape=images.shape[1:],
        num_classes=len(class_names),
        class_names=class_names,
        counts={"train": len(train[0]), "validation": len(validation[0]), "test": len(test[0])},
        train_at=lambda epoch: _as_tf_data(train_at(epoch)),
        validation=_as_tf_data(Batches(validation, batch_size)),
        test=_as_tf_data(Batches(test, batch_size)),
    )


def is_prepared(name: str, data_dir: str | PathLike | None = None) -> bool:
    """Say whether `load_dataset` would find the data set without fetching anything.

    Args:
        name: as for `load_dataset`.
        data_dir: as for `load_dataset`.

    Examples:
        >>> is_prepared("digits")
        True
    """
    _checks.one_of("name", name, _AUGMENTATIONS)
    _check_data_dir(data_dir)
    return name == "digits" or _prepared_data.is_prepared(name, data_dir)


def _check_data_dir(data_dir):
    if data_dir is not None:
        _checks.path("data_dir", data_dir, "a folder, or None")


def _read_digits(limit):
    datasets = require("sklearn.datasets", "data")
    model_selection = require("sklearn.model_selection", "data")
    digits = datasets.load_digits()
    # Grey levels run from 0 to 16. The writers come one after the other: the split has to mix them.
    images = np.minimum(digits.images[..., np.newaxis] * 16, 255).astype("uint8")
    train_images, test_images, train_labels, test_labels = model_selection.train_test_split(
        images, digits.target, test_size=0.2, stratify=digits.target, random_state=0
    )
    class_names = tuple(str(label) for label in digits.target_names)
    train = (train_images[:limit], train_labels[:limit])
    return train, (test_images[:limit], test_labels[:limit]), class_names


def _as_tf_data(batches: Batches) -> tf.data.Dataset:
    tf = require("tensorflow", "tensorflow")
    images, labels = batches[0]

    def batch(number):
        made = tf.numpy_function(batches.__getitem__, [number], [images.dtype, labels.dtype])
        return tuple(
            tf.ensure_shape(part, [None, *array.shape[1:]])
            for part, array in zip(made, (images, labels), strict=True)
        )

    dataset = tf.data.Dataset.range(len(batches)).map(batch, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.prefetch(tf.data.AUTOTUNE)
