"""The backup file: whole or not there, and refused where it doesn't fit."""

import errno
import io
import os
import zipfile

import keras
import pytest

from keras_negact._packing import pack, unpack
from keras_negact.training import Backup, FolderInUse, fit
from keras_negact.training.backup_file import BackupFile
from keras_negact.training.state import CallbackMemory
from tests.support.full_files import full_after
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


def test_shows_nothing_but_what_a_user_has_use_for(tmp_path):
    own = {*dir(Backup(tmp_path))} - {*dir(keras.callbacks.Callback())}
    assert {name for name in own if name[0] != "_"} == {"directory", "path", "save_every"}


def test_of_another_model_is_refused(tmp_path):
    fit(small_model(), X, Y, verbose=0, callbacks=[Backup(tmp_path)])
    other = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    other.compile("adam", "mse")
    with pytest.raises(ValueError, match="another architecture"):
        fit(other, X, Y, verbose=0, callbacks=[Backup(tmp_path)])


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    fit(small_model(), X, Y, batch_size=10, verbose=0, callbacks=[Backup(folder)])
    return (folder / "backup.zip").read_bytes()


def resumed(folder, content, model=None, data=(X, Y), batch_size=10, **arguments):
    """Train with a folder that holds that backup; the file may not change if it is refused."""
    path = folder / "backup.zip"
    path.write_bytes(content)
    model = model or small_model()
    try:
        return fit(
            model, *data, batch_size=batch_size, verbose=0, callbacks=[Backup(folder)], **arguments
        )
    except ValueError:
        assert path.read_bytes() == content
        assert [one.name for one in folder.iterdir()] == ["backup.zip"]
        raise


def rewritten(content, **changes):
    """The same backup with some of its parts replaced; `None` removes one."""
    saved = unpack(content)
    for name, value in changes.items():
        saved.pop(name) if value is None else saved.update({name: value})
    return pack(saved)


def document(text):
    """An archive that holds that document alone."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("document.json", text)
    return content.getvalue()


DAMAGES = {
    "empty": lambda good: b"",
    "cut": lambda good: good[:-30],
    "half": lambda good: good[: len(good) // 2],
    "flipped": lambda good: good[:200] + bytes([good[200] ^ 255]) + good[201:],
    "another compression": lambda good: good.replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x63", 1
    ),
    "text": lambda good: b"weights",
    "null": lambda good: pack(None),
    "a list": lambda good: pack([1, 2]),
    "no document": lambda good: zipped("other.json", "{}"),
    "not JSON": lambda good: document("{epoch"),
    "not UTF-8": lambda good: document(b"\xff\xfe"),
    "nested without end": lambda good: document("[" * 200_000),
    "an unknown type": lambda good: document('{"array": 0, "dtype": "float7", "shape": [1]}'),
    "an array that isn't there": lambda good: document(
        '{"array": 5, "dtype": "float32", "shape": [1]}'
    ),
    "an unknown function": lambda good: document('{"op": "no_such_function"}'),
    **{
        f"without {part}": lambda good, part=part: rewritten(good, **{part: None})
        for part in ("epoch", "variables", "history", "seed", "random")
    },
    **{
        f"{part} that is {value!r}": lambda good, part=part, value=value: rewritten(
            good, **{part: value}
        )
        for part, value in {
            "epoch": "1",
            "step": [0],
            "stopped": 0,
            "history": {"epoch": [0]},
            "variables": [],
            "callbacks": [],
            "random": {"numpy": 5},
            "seed": "7",
            "pass": 5,
            "identity": [],
        }.items()
    },
}


def zipped(name, text):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, text)
    return content.getvalue()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_refused_by_name_and_kept(tmp_path, good, damage):
    content = DAMAGES[damage](good)
    assert content != good
    with pytest.raises(ValueError, match=rf"{tmp_path}/backup\.zip is damaged"):
        resumed(tmp_path, content)


def other_activation():
    model = keras.models.clone_model(
        small_model(),
        clone_function=lambda layer: (
            keras.layers.ELU()
            if isinstance(layer, keras.layers.ReLU)
            else type(layer).from_config(layer.get_config())
        ),
    )
    model.compile("adam", small_model().loss, metrics=["accuracy"])
    return model


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda: {"model": other_activation()}, "another architecture"),
        (lambda: {"model": small_model("rmsprop")}, "another optimizer"),
        (lambda: {"data": (X[:40], Y[:40])}, "another size or batch"),
        (lambda: {"batch_size": 20}, "another size or batch"),
    ],
)
def test_of_another_run_is_refused_and_kept(tmp_path, good, change, what):
    with pytest.raises(ValueError, match=what):
        resumed(tmp_path, good, epochs=2, **change())


def test_names_rates_and_lengths_may_change(tmp_path, good):
    keras.utils.set_random_seed(5)
    # Layers are numbered over the whole process: these have other names than those before.
    model = small_model(keras.optimizers.Adam(0.5))
    assert resumed(tmp_path, good, model, epochs=3).epoch == [0, 1, 2]


def test_one_without_a_version_goes_on_with_a_warning(tmp_path, good):
    old = rewritten(good, version=None, identity=None, **{"pass": None})
    with pytest.warns(UserWarning, match="before backups had a version"):
        assert resumed(tmp_path, old, epochs=2).epoch == [0, 1]
    assert unpack((tmp_path / "backup.zip").read_bytes())["version"] == 2


def test_one_of_version_1_may_know_the_network_by_another_mark_and_nothing_else(tmp_path, good):
    identity = unpack(good)["identity"]
    old = rewritten(good, version=1, identity={**identity, "network": "made in another way"})
    with pytest.warns(UserWarning, match="has the version 1"):
        assert resumed(tmp_path, old, epochs=2).epoch == [0, 1]
    with pytest.raises(ValueError, match="another optimizer"):
        resumed(tmp_path, rewritten(old, identity={**identity, "optimizer": "another"}))


def test_one_of_a_later_version_is_refused_and_kept(tmp_path, good):
    with pytest.raises(ValueError, match="version 9"):
        resumed(tmp_path, rewritten(good, version=9))


@pytest.mark.parametrize("year", [1970, 2200])
def test_the_clock_does_not_matter(tmp_path, monkeypatch, year):
    seconds = (year - 1970) * 365.25 * 24 * 3600
    monkeypatch.setattr("time.time", lambda: seconds)
    BackupFile(tmp_path).write(pack({"epoch": 1}))
    assert unpack(BackupFile(tmp_path).read()) == {"epoch": 1}


def test_a_second_owner_is_refused_with_who_holds_it(tmp_path):
    with (
        BackupFile(tmp_path).claim(),
        pytest.raises(FolderInUse, match=f"in use by process {os.getpid()}"),
    ):
        fit(small_model(), X, Y, verbose=0, callbacks=[Backup(tmp_path)])


def test_has_the_mode_of_the_files_beside_it(tmp_path):
    (tmp_path / "beside").write_text("")
    fit(small_model(), X, Y, verbose=0, callbacks=[Backup(tmp_path)])
    assert (tmp_path / "backup.zip").stat().st_mode == (tmp_path / "beside").stat().st_mode


@pytest.mark.parametrize("directory", [5, None, "", b""])
def test_refuses_what_is_no_folder(directory):
    with pytest.raises(ValueError, match="`directory` must be the path of a folder"):
        Backup(directory)


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


def test_full_disk_keeps_the_backup_before(tmp_path):
    backup = BackupFile(tmp_path)
    backup.write(pack({"epoch": 1}))
    intact = pytest.raises(OSError, match="the one before is intact")
    with full_after(1000), intact as raised:
        backup.write(pack({"epoch": 2, "weights": list(range(1000))}))
    assert raised.value.errno == errno.EFBIG
    assert unpack(backup.read()) == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["backup.zip"]


def test_a_backup_does_not_say_where_callbacks_write(tmp_path):
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    memory = CallbackMemory([logger])
    logger.keys, logger.filename = ["loss"], "elsewhere.csv"
    remembered = memory.capture()
    logger.keys, logger.filename = None, "here.csv"
    memory.restore(remembered)
    assert (logger.keys, logger.filename) == (["loss"], "here.csv")
