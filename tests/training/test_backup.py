"""The backup file: whole or not there, and refused where it doesn't fit."""

import errno
import resource
import signal

import keras
import pytest

from keras_negact.training import Backup, fit
from keras_negact.training.packing import pack, unpack
from tests.support.small_training import small_data, small_model

X, Y = small_data()


@pytest.mark.parametrize("save_every", [0, -1, 2.5, True, "step", None])
def test_refuses_other_intervals(tmp_path, save_every):
    with pytest.raises(ValueError, match="save_every"):
        Backup(tmp_path, save_every)


def test_is_one_file(tmp_path):
    fit(small_model(), X, Y, epochs=2, verbose=0, callbacks=[Backup(tmp_path, save_every=1)])
    assert [path.name for path in tmp_path.iterdir()] == ["backup.zip"]
    saved = unpack((tmp_path / "backup.zip").read_bytes())
    assert (saved["epoch"], saved["step"]) == (2, 0)
    assert {"variables", "random", "seed", "callbacks", "history"} <= set(saved)


def test_is_refused_by_model_fit(tmp_path):
    with pytest.raises(RuntimeError, match=r"keras_negact\.training\.fit"):
        small_model().fit(X, Y, verbose=0, callbacks=[Backup(tmp_path)])


def test_of_another_model_is_refused(tmp_path):
    fit(small_model(), X, Y, verbose=0, callbacks=[Backup(tmp_path)])
    other = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    other.compile("adam", "mse")
    with pytest.raises(ValueError, match="another architecture"):
        fit(other, X, Y, verbose=0, callbacks=[Backup(tmp_path)])


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_damaged_file_is_named_and_not_taken_for_none(tmp_path, damage):
    backup = Backup(tmp_path)
    backup.write(pack({"weights": [1.0] * 1000}))
    whole = bytearray(backup.path.read_bytes())
    if damage == "flipped":
        whole[200] ^= 255
    backup.path.write_bytes({"cut": whole[:-30], "flipped": whole, "empty": b""}[damage])
    with pytest.raises(ValueError, match="damaged"):
        backup.read()


def test_unwritable_directory_is_an_error_before_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    seen = []
    with pytest.raises(OSError, match="can't be written"):
        fit(
            small_model(),
            X,
            Y,
            verbose=0,
            callbacks=[
                Backup(tmp_path / "file" / "backups"),
                keras.callbacks.LambdaCallback(on_train_begin=seen.append),
            ],
        )
    assert not seen


def test_too_little_space_is_an_error_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100}))
    with pytest.raises(OSError, match="100 are free"):
        fit(small_model(), X, Y, verbose=0, callbacks=[Backup(tmp_path)])


@pytest.fixture
def smallest_files():
    """Files can't grow beyond 1000 bytes, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_full_disk_keeps_the_backup_before(tmp_path, smallest_files):
    backup = Backup(tmp_path)
    backup.write(pack({"epoch": 1}))
    smallest_files()
    with pytest.raises(OSError, match="the one before is intact") as raised:
        backup.write(pack({"epoch": 2, "weights": list(range(1000))}))
    assert raised.value.errno == errno.EFBIG
    assert unpack(backup.read()) == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["backup.zip"]
