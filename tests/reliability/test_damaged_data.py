"""Data sets that are damaged or can't be fetched: said in seconds, by name, with the remedy."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import time

import numpy as np
import pytest

from keras_negact.datasets import load_dataset
from tests.support.backends import tensorflow_only
from tests.support.prepared_data import VERSIONS, write_prepared

pytestmark = tensorflow_only
SHARDS = {"train": [20, 21, 20], "test": [7, 8]}
DATA_DIR = pathlib.Path(
    os.environ.get(
        "KERAS_NEGACT_DATA", pathlib.Path(__file__).resolve().parents[3] / "shared" / "data/tfds"
    )
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, write_prepared("cifar10", folder, SHARDS)


@pytest.fixture
def copied(prepared, tmp_path):
    shutil.copytree(prepared[0], tmp_path / "data")
    return tmp_path / "data"


def read(folder, name="cifar10", **arguments):
    return load_dataset(name, 8, data_dir=folder, augment=False, **arguments)


def gathered(*datasets):
    parts = [batch for dataset in datasets for batch in dataset.as_numpy_iterator()]
    images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort(images.reshape(len(images), -1).T)
    return images[order], labels[order]


@pytest.mark.parametrize("name", VERSIONS)
def test_what_is_whole_is_read_as_it_was_written(name, tmp_path):
    written = write_prepared(name, tmp_path, SHARDS)
    data = read(tmp_path, name)
    assert data.counts == {"train": 55, "validation": 6, "test": 15}
    assert data.num_classes == len(data.class_names) == (100 if name == "cifar100" else 10)
    for split, parts in (("train", (data.train, data.validation)), ("test", (data.test,))):
        images, labels = gathered(*parts)
        expected, expected_labels = written[split]
        order = np.lexsort(expected.reshape(len(expected), -1).T.astype("int"))
        np.testing.assert_array_equal(np.round((images + 1) * 127.5), expected[order])
        np.testing.assert_array_equal(labels, expected_labels[order])


def shard(folder, split="train", number=0):
    return sorted(folder.glob(f"*/*/*-{split}.tfrecord*"))[number]


def cut(path, left):
    with path.open("r+b") as file:
        file.truncate(left)


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 255
    path.write_bytes(content)


def information(folder):
    return next(folder.glob("*/*/dataset_info.json"))


DAMAGES = {
    "truncated": lambda folder: cut(shard(folder), 1000),
    "truncated between records": lambda folder: cut(
        shard(folder), 16 + int.from_bytes(shard(folder).read_bytes()[:8], "little")
    ),
    "0 bytes": lambda folder: cut(shard(folder), 0),
    "last of 0 bytes": lambda folder: cut(shard(folder, number=2), 0),
    "cut by one byte": lambda folder: cut(shard(folder), shard(folder).stat().st_size - 1),
    "flipped length": lambda folder: flip(shard(folder), 0),
    "flipped image": lambda folder: flip(shard(folder), 200),
    "missing": lambda folder: shard(folder, number=1).unlink(),
    "test split of 0 bytes": lambda folder: cut(shard(folder, "test", 1), 0),
    "test split missing": lambda folder: shard(folder, "test").unlink(),
    "text": lambda folder: shard(folder).write_text("an error page " * 100),
    "information cut": lambda folder: cut(information(folder), 100),
    "information empty": lambda folder: cut(information(folder), 0),
    "information null": lambda folder: information(folder).write_text("null"),
    "a split less": lambda folder: information(folder).write_text(
        information(folder).read_text().replace('"name": "test"', '"name": "other"')
    ),
    "more records than there are": lambda folder: information(folder).write_text(
        information(folder).read_text().replace('"21"', '"23"')
    ),
}


@pytest.mark.parametrize("limit", [None, 5])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_said_with_the_name_and_the_remedy(damage, limit, copied):
    DAMAGES[damage](copied)
    with pytest.raises(
        ValueError, match=rf"cifar10 in {re.escape(str(copied))}.* is damaged: "
    ) as caught:
        read(copied, limit=limit)
    assert "Delete that folder, and fetch the data set again" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    not (DATA_DIR / "fashion_mnist").is_dir(),
    reason=f"fashion_mnist is not in {DATA_DIR}: set KERAS_NEGACT_DATA",
)
@pytest.mark.parametrize("left", [0, 1_000_000])
def test_damage_of_a_real_data_set(left, tmp_path):
    for source in DATA_DIR.glob("fashion_mnist/*/*"):
        target = tmp_path / source.relative_to(DATA_DIR)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)
    assert read(tmp_path, "fashion_mnist", limit=20).counts["test"] == 20
    path = shard(tmp_path, "test")
    with path.open("rb") as file:
        content = file.read(left)
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"fashion_mnist in .*-test\.tfrecord-00000-of-00001"):
        read(tmp_path, "fashion_mnist", limit=20)


@contextlib.contextmanager
def silent_server():
    """An address where somebody listens who never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def nobody():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return contextlib.nullcontext(server.getsockname()[1])


@pytest.mark.parametrize(
    ("name", "proxy"), [*((name, nobody) for name in VERSIONS), ("cifar10", silent_server)]
)
def test_without_a_network_it_is_said_in_seconds(name, proxy, tmp_path, monkeypatch):
    with proxy() as port:
        for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        begun = time.monotonic()
        with pytest.raises(ConnectionError) as caught:
            load_dataset(name, 8, data_dir=tmp_path, download=True)
    assert time.monotonic() - begun < 30
    message = str(caught.value)
    assert f"{name} can't be fetched" in message
    assert f"fetches it into {tmp_path}" in message
    assert f"tfds.load('{name}', data_dir='{tmp_path}')" in message
    assert list(tmp_path.iterdir()) == []
