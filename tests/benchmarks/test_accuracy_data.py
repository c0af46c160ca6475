"""The images of `benchmarks/accuracy.py`, from chunks that stand in for the real ones."""

import importlib
import pathlib
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
PROTOCOL = SimpleNamespace(
    images=25, evaluated_images=11, square=2, batch_size=8, workers=1, rhythms=20
)


@pytest.fixture
def accuracy_data(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("_accuracy_data")


@pytest.fixture
def chunks(tmp_path):
    generator = np.random.default_rng(0)
    for name in ("train_0", "train_1", "train_2", "test"):
        x = generator.integers(0, 256, (12, 32, 32, 3), "uint8")
        np.savez(tmp_path / f"{name}.npz", x=x, y=np.arange(12, dtype="uint8"))
    return tmp_path


def test_chunks_are_joined_cut_and_reduced(accuracy_data, chunks):
    record = accuracy_data.load("cifar10", PROTOCOL, npz=chunks)(0)
    # Of 36 images the 10th, the 20th and the 30th are held out, and the first 25 others trained on.
    assert record.counts == {"train": 25, "validation": 3, "test": 11}
    held_out, labels = record.validation[0]
    assert labels.tolist() == [9, 19 - 12, 29 - 24]
    with np.load(chunks / "train_1.npz") as chunk:
        image = chunk["x"][19 - 12].astype("float64")
    for i, j in ((0, 0), (7, 3), (15, 15)):
        mean = image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean(axis=(0, 1))
        np.testing.assert_allclose(held_out[1, i, j], np.rint(mean) / 127.5 - 1, atol=1e-6)


def test_a_missing_chunk_is_noticed(accuracy_data, chunks):
    (chunks / "train_1.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"there are only \[0, 2\]"):
        accuracy_data.load("cifar10", PROTOCOL, npz=chunks)
    with pytest.raises(FileNotFoundError, match="fashion_mnist"):
        accuracy_data.load("fashion_mnist", PROTOCOL, npz=chunks)


def test_training_validation_and_test_rhythms_differ(accuracy_data):
    record = accuracy_data.load("rhythms", PROTOCOL)(0)
    assert record.counts == {"train": 20, "validation": 40, "test": 40}
    train = np.concatenate([x for x, _ in record.train_at(0)])
    validation, test = (
        np.concatenate([x for x, _ in batches]) for batches in (record.validation, record.test)
    )
    for one, other in ((train, test), (train, validation), (validation, test)):
        assert np.abs(one[:, None] - other[None]).max(axis=(2, 3)).min() > 0.5
