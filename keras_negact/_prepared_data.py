"""Data that TensorFlow Datasets prepares: fetched, looked at for damage, and read."""

from __future__ import annotations

import mmap
import os
import pathlib
import queue
import struct
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable

import numpy as np

from keras_negact._extras import require

_SECONDS_TO_ANSWER = 5.0
# What a proxy answers in place of a host that it does not reach, or for a user it does not know.
_ANSWERS_OF_PROXIES = {407, 502, 503, 504}

Split = tuple[np.ndarray, np.ndarray]


def is_prepared(name: str, data_dir: str | os.PathLike | None) -> bool:
    """Whether `read` would find the data set without fetching anything."""
    return _builder(name, data_dir).is_prepared()


def read(
    name: str, data_dir: str | os.PathLike | None, download: bool, limit: int | None
) -> tuple[Split, Split, tuple[str, ...]]:
    """Images and labels for training, those for testing, and the names of the classes.

    Args:
        name: of a data set of TensorFlow Datasets.
        data_dir: where it keeps its data; `None` is its own default.
        download: whether to fetch data that is not there.
        limit: how many examples to read of each split at most.

    Raises:
        FileNotFoundError: if the data is not there and `download` is false.
        ConnectionError: if it can't be fetched.
        ValueError: if it is damaged.
    """
    builder = _builder(name, data_dir)
    if not builder.is_prepared():
        if not download:
            raise FileNotFoundError(
                f"{name} is not prepared in {_folder(builder)}. Name the folder that holds it "
                f"(`data_dir`), ask for it with `download=True`, or fetch it once with\n"
                f"{_command(builder)}"
            )
        _fetch(builder)
    tf = require("tensorflow", "tensorflow")
    try:
        class_names = tuple(builder.info.features["label"].names)
        train, test = (_read_split(builder, split, limit) for split in ("train", "test"))
    # What reading files that are not what they must be ends in.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, tf.errors.OpError) as error:
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise
        raise _damaged(name, builder.data_path, error) from error
    return train, test, class_names


def _builder(name, data_dir):
    tfds = require("tensorflow_datasets", "data")
    try:
        return tfds.builder(name, data_dir=data_dir)
    except ImportError:
        raise
    # The name is known to be right, so that only the files in the folder are left to fail.
    except Exception as error:
        folder = pathlib.Path(data_dir or tfds.core.constants.DATA_DIR, name)
        raise _damaged(name, folder, error) from error


def _folder(builder) -> pathlib.Path:
    return builder.data_path.parent.parent


def _command(builder) -> str:
    return (
        'python -c "import tensorflow_datasets as tfds; '
        f"tfds.load('{builder.name}', data_dir='{_folder(builder)}')\""
    )


def _damaged(name: str, folder: str | os.PathLike, error: Exception) -> ValueError:
    lines = str(error).splitlines() or [type(error).__name__]
    return ValueError(
        f"{name} in {folder} is damaged: {lines[0][:300]}. Delete that folder, and fetch the data "
        "set again with `download=True`."
    )


def _fetch(builder) -> None:
    require("importlib_resources", "data")
    by_hand = (
        f"Where there is a network, this fetches it into {_folder(builder)}, which may be copied:\n"
        f"{_command(builder)}"
    )
    # TensorFlow Datasets itself would try for minutes.
    hosts = sorted({urllib.parse.urlsplit(url).netloc for url in builder.url_infos or ()})
    if hosts and not _any_answers(builder.url_infos):
        raise ConnectionError(
            f"{builder.name} can't be fetched: {' and '.join(hosts)} did not answer within "
            f"{_SECONDS_TO_ANSWER:g} seconds. {by_hand}"
        )
    try:
        builder.download_and_prepare()
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise ConnectionError(
            f"{builder.name} could not be fetched ({lines[0][:300]}). {by_hand}"
        ) from error


def _any_answers(urls: Iterable[str]) -> bool:
    """Whether one of the addresses is reached, through a proxy where the environment names one."""
    urls = list(urls)
    answers: queue.Queue[bool] = queue.Queue()
    for url in urls:
        # Threads that nobody waits for: looking up a name has no limit of its own.
        threading.Thread(target=lambda url=url: answers.put(_answers(url)), daemon=True).start()
    try:
        return any(answers.get(timeout=2 * _SECONDS_TO_ANSWER) for _ in urls)
    except queue.Empty:
        return False


def _answers(url: str) -> bool:
    request = urllib.request.Request(url, method="HEAD")
    try:
        # Its own opener: that of `urlopen` remembers the proxies of its first call.
        opener = urllib.request.build_opener()
        opener.open(request, timeout=_SECONDS_TO_ANSWER).close()
    except urllib.error.HTTPError as error:
        return error.code not in _ANSWERS_OF_PROXIES
    except (OSError, ValueError):
        return False
    return True


def _read_split(builder, split: str, limit: int | None) -> Split:
    tfds = require("tensorflow_datasets", "data")
    described = builder.info.splits[split]
    if builder.info.file_format == tfds.core.file_adapters.FileFormat.TFRECORD:
        # The reader takes an empty shard for one that ends early, and goes on with the next.
        for path, expected in zip(described.filepaths, described.shard_lengths, strict=True):
            _check_shard(os.fspath(path), expected)
    # The arrays are kept by the caller: a cache of the reader's own would double the memory.
    read_config = tfds.ReadConfig(try_autocache=False)
    examples = builder.as_dataset(split=split, as_supervised=True, read_config=read_config)
    expected = described.num_examples
    if limit is not None:
        examples, expected = examples.take(limit), min(limit, expected)
    images, labels = zip(*examples.batch(1024).as_numpy_iterator(), strict=True)
    images, labels = np.concatenate(images), np.concatenate(labels)
    if len(images) != expected:
        raise ValueError(f"{split} has {len(images)} examples in place of {expected}")
    return images, labels


def _check_shard(path: str, expected: int) -> None:
    """See that a TFRecord file holds so many whole records, by their lengths alone."""
    name, size = os.path.basename(path), os.path.getsize(path)
    found = 0
    if size:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            position = 0
            while position + 12 <= size:
                # Eight bytes of length, their checksum, the record, its checksum.
                position += struct.unpack_from("<Q", view, position)[0] + 16
                found += position <= size
            if position != size:
                raise ValueError(f"{name} ends, or is damaged, in its record {found + 1}")
    if found != expected:
        raise ValueError(f"{name} has {found} records in place of {expected}")
