"""The data of `accuracy.py`, as arrays: through TensorFlow Datasets, or from .npz chunks.

Chunks are `train_0.npz`, `train_1.npz`, ... and `test.npz`, each with `x` (uint8 images) and `y`
(uint8 labels), as `python benchmarks/accuracy.py --write-npz DIR` makes them.
"""

import pathlib

import numpy as np
from rhythms import rhythms

from keras_negact.comparison import array_data
from keras_negact.comparison.arrays import ArrayDataset, Batches

CHUNKS = 5
SHIFTS = {"cifar10": 4, "fashion_mnist": 2, "rhythms": 0}
MIRRORED = ("cifar10", "fashion_mnist")


def load(name, protocol, npz=None, tfds_dir=None):
    """The data set `name` under a protocol, as `compare_activations` takes it.

    Every tenth training image is held out for validation, as in `keras_negact.datasets`.
    """
    if name == "rhythms":
        # Another seed is another draw, and drawing costs less than training.
        train = rhythms(protocol.rhythms, seed=1)
        test, validation = (rhythms(2 * protocol.rhythms, seed=seed) for seed in (2, 3))
    else:
        x, y = raw_images(name, "train", npz, tfds_dir)
        held_out = np.arange(len(x)) % 10 == 9
        train = reduced(x[~held_out], y[~held_out], protocol.images, protocol.square)
        evaluated = ((x[held_out], y[held_out]), raw_images(name, "test", npz, tfds_dir))
        validation, test = (
            reduced(*examples, protocol.evaluated_images, protocol.square) for examples in evaluated
        )
    return array_data(
        name,
        train=train,
        validation=validation,
        test=test,
        batch_size=protocol.batch_size,
        largest_shift=SHIFTS[name] // protocol.square,
        mirror=name in MIRRORED,
        workers=protocol.workers,
    )


def whole(npz=None, tfds_dir=None, batch_size=500, square=1, largest_shift=2, images=None):
    """All of CIFAR-10, every tenth training image held out, mirrored in every second epoch.

    The first epoch mirrors a random half of the images, the next one the other half: more different
    images than a new draw would show (Jordan, arXiv 2404.00498, section 3.6). Shifts are drawn anew
    in every epoch. `images` trains on so many of the first ones.

    Returns:
        From a seed to an `ArrayDataset`, as `compare_activations` takes it.
    """
    x, y = raw_images("cifar10", "train", npz, tfds_dir)
    held_out = np.arange(len(x)) % 10 == 9
    train, validation, test = (
        reduced(*examples, None, square)
        for examples in (
            (x[~held_out][:images], y[~held_out][:images]),
            (x[held_out], y[held_out]),
            raw_images("cifar10", "test", npz, tfds_dir),
        )
    )
    return alternating(train, validation, test, batch_size, largest_shift // square)


def alternating(train, validation, test, batch_size, largest_shift):
    """Arrays as `compare_activations` takes them, mirrored in every second epoch."""
    count = len(train[0])

    def in_order(examples):
        return Batches(examples, batch_size, np.arange(len(examples[0])))

    def seeded(seed):
        mirrored_first = np.random.default_rng([seed, 0]).random(count) < 0.5

        def train_at(epoch):
            generator = np.random.default_rng([seed, 1, epoch])
            order = generator.permutation(count)
            shifts = generator.integers(-largest_shift, largest_shift + 1, (count, 2))
            return Batches(train, batch_size, order, shifts, mirrored_first ^ (epoch % 2 == 1))

        return ArrayDataset(
            name="cifar10",
            counts={"train": count, "validation": len(validation[0]), "test": len(test[0])},
            train_at=train_at,
            validation=in_order(validation),
            test=in_order(test),
        )

    # For what is made of the training images, such as a whitening stem.
    seeded.train_images = train[0]
    return seeded


def first_images(data, count):
    """So many training images, as bytes, as they are before any augmentation."""
    return data.train_images[:count]


def write_npz(folder, tfds_dir=None, names=("cifar10", "fashion_mnist")):
    """Write data sets as chunks: CIFAR-10 into the folder itself, others into folders in it."""
    for name in names:
        target = _folder(pathlib.Path(folder), name)
        target.mkdir(parents=True, exist_ok=True)
        for split, chunks in (("train", CHUNKS), ("test", 1)):
            images, labels = _tfds(name, split, tfds_dir)
            parts = zip(np.array_split(images, chunks), np.array_split(labels, chunks), strict=True)
            for number, (x, y) in enumerate(parts):
                path = target / (f"{split}_{number}.npz" if chunks > 1 else f"{split}.npz")
                np.savez_compressed(path, x=x, y=y)
                print(path, x.shape)


def _folder(folder, name):
    return folder if name == "cifar10" else folder / name


def raw_images(name, split="train", npz=None, tfds_dir=None):
    """A split of a data set: its images as bytes, and its labels."""
    if name == "digits":
        return _digits()
    if npz is None:
        return _tfds(name, split, tfds_dir)
    folder = _folder(pathlib.Path(npz), name)
    # By number, for train_10 comes after train_9.
    paths = sorted(folder.glob(f"{split}*.npz"), key=lambda path: (len(path.stem), path.stem))
    if not paths:
        raise FileNotFoundError(f"There is no {split}*.npz with {name} in {folder}.")
    numbers = [int(path.stem.rsplit("_", 1)[1]) for path in paths if "_" in path.stem]
    if numbers != list(range(len(numbers))):
        raise FileNotFoundError(f"Chunks are missing in {folder}: there are only {numbers}.")
    chunks = [np.load(path) for path in paths]
    return tuple(np.concatenate([chunk[key] for chunk in chunks]) for key in ("x", "y"))


def _digits():
    """scikit-learn's handwritten digits, 16 x 16: each of their pixels four times."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = np.rint(digits.images * 255 / 16).astype("uint8")
    return x.repeat(2, axis=1).repeat(2, axis=2)[..., None], digits.target.astype("uint8")


def _tfds(name, split, tfds_dir):
    import tensorflow_datasets as tfds

    data = tfds.load(name, split=split, data_dir=tfds_dir, download=False, batch_size=-1)
    data = tfds.as_numpy(data)
    return data["image"], data["label"].astype("uint8")


def reduced(x, y, count, square):
    """The first `count` images, as means over squares of so many pixels a side."""
    x, y = x[:count], y[:count]
    if square > 1:
        height, width = x.shape[1] // square, x.shape[2] // square
        blocks = x.reshape(len(x), height, square, width, square, x.shape[-1])
        x = np.rint(blocks.mean(axis=(2, 4))).astype("uint8")
    return x, y.astype("int32")
