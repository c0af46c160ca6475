"""Small folders such as TensorFlow Datasets leaves, made without it."""

import json
import pathlib

import numpy as np
import tensorflow as tf

VERSIONS = {"cifar10": "3.0.2", "cifar100": "3.0.2", "fashion_mnist": "3.0.1"}


def write_prepared(
    name: str, data_dir: pathlib.Path, shards: dict[str, list[int]]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Write random images as a data set that is prepared.

    Args:
        name: of the data set.
        data_dir: where TensorFlow Datasets is to find it.
        shards: the number of examples in each file of each split.

    Returns:
        The images and labels of each split.
    """
    folder = data_dir / name / VERSIONS[name]
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    channels, classes = (1 if name == "fashion_mnist" else 3), (100 if name == "cifar100" else 10)
    side = 28 if name == "fashion_mnist" else 32
    splits, written = [], {}
    for split, counts in shards.items():
        images = random.integers(0, 256, (sum(counts), side, side, channels), "uint8")
        labels = random.integers(0, classes, sum(counts))
        written[split] = (images, labels)
        begin = size = 0
        for number, count in enumerate(counts):
            path = folder / f"{name}-{split}.tfrecord-{number:05}-of-{len(counts):05}"
            with tf.io.TFRecordWriter(str(path)) as file:
                for image, label in zip(
                    images[begin : begin + count], labels[begin : begin + count], strict=True
                ):
                    record = _record(image, int(label), number)
                    size += len(record)
                    file.write(record)
            begin += count
        splits.append(
            {
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "name": split,
                "numBytes": str(size),
                "shardLengths": [str(count) for count in counts],
            }
        )
    (folder / "dataset_info.json").write_text(
        json.dumps(
            {
                "fileFormat": "tfrecord",
                "moduleName": "tensorflow_datasets.image_classification",
                "name": name,
                "splits": splits,
                "version": VERSIONS[name],
            }
        )
    )
    (folder / "features.json").write_text("{}")
    names = "".join(f"class {number}\n" for number in range(classes))
    for file in ("label", "coarse_label") if name == "cifar100" else ("label",):
        (folder / f"{file}.labels.txt").write_text(names)
    return written


def _record(image: np.ndarray, label: int, number: int) -> bytes:
    def of_bytes(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def of_number(value):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    feature = {
        "image": of_bytes(tf.io.encode_png(image).numpy()),
        "label": of_number(label),
        "coarse_label": of_number(0),
        "id": of_bytes(f"{number}".encode()),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
