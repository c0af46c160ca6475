"""The images of `benchmarks/accuracy.py`, from chunks that stand in for the real ones."""

import importlib
import pathlib
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
PROTOCOL = SimpleNamespace(images=25, side=16, batch_size=8, workers=1, rhythms=20)


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
    # Of 25 images the 10th and the 20th are held out.
    assert record.counts == {"train": 23, "validation": 2, "test": 12}
    held_out, labels = record.validation[0]
    assert labels.tolist() == [9, 19 - 12]
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


def test_training_and_test_rhythms_differ(accuracy_data):
    record = accuracy_data.load("rhythms", PROTOCOL)(0)
    assert record.counts == {"train": 18, "validation": 2, "test": 5}
    train = np.concatenate([x for x, _ in record.train_at(0)])
    test = np.concatenate([x for x, _ in record.test])
    assert np.abs(train[:, None] - test[None]).max(axis=(2, 3)).min() > 0.5
