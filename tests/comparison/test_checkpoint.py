"""What an unfinished run has reached, and a file of it that is damaged."""

import json

import keras
import numpy as np
import pytest

from keras_negact.comparison import checkpoint
from tests.support.small_training import largest_difference, small_data, small_model

X, Y = small_data()


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", 0.0)
    model = small_model()
    model.fit(X, Y, verbose=0)
    checkpoint.Checkpoint(tmp_path, "relu", 0, {"epochs": 3}).save(model, {"seconds": [1.5]})
    return model


def restored(folder, described):
    model = small_model()
    model.optimizer.build(model.trainable_variables)
    progress = checkpoint.Checkpoint(folder, "relu", 0, described).restore(model)
    return model, progress


def test_is_restored_where_the_run_is_the_same(tmp_path, saved):
    model, progress = restored(tmp_path, {"epochs": 3})
    assert progress == {"seconds": [1.5]}
    assert largest_difference(model, saved) == 0
    assert restored(tmp_path, {"epochs": 4})[1] == {}


@pytest.mark.parametrize("content", [b"", b"PK", b"null", "cut", "flipped"])
def test_a_damaged_one_is_set_aside_and_the_run_begins_anew(tmp_path, saved, content):
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    content = {"cut": whole[:-50], "flipped": bytes(flipped)}.get(content, content)
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{path.name} is damaged"):
        model, progress = restored(tmp_path, {"epochs": 3})
    assert progress == {}
    assert largest_difference(model, small_model()) == 0
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [content]


def in_first_version(folder, model, **changes):
    """As version 0.1.0 kept it: a record and the variables by number."""
    path = folder / f"{checkpoint.run_name('relu', 0)}.npz"
    record = json.dumps({"described": {"epochs": 3}, "progress": {"seconds": [1.5]}})
    variables = [*model.variables, *model.optimizer.variables]
    values = {
        f"{number}": keras.ops.convert_to_numpy(variable)
        for number, variable in enumerate(variables)
    }
    np.savez(path, record=record, **values | changes)
    return path


def test_one_of_the_first_version_is_restored(tmp_path):
    model = small_model()
    model.fit(X, Y, verbose=0)
    in_first_version(tmp_path, model)
    again, progress = restored(tmp_path, {"epochs": 3, "layers": []})
    assert progress == {"seconds": [1.5]}
    assert largest_difference(again, model) == 0
    assert restored(tmp_path, {"epochs": 4})[1] == {}


@pytest.mark.parametrize("damage", ["empty", "no archive", "cut", "flipped", "other shape"])
def test_a_damaged_one_of_the_first_version_is_set_aside_too(tmp_path, damage):
    model = small_model()
    model.fit(X, Y, verbose=0)
    last = len(model.variables) + len(model.optimizer.variables) - 1
    changes = {f"{last}": np.zeros((2, 3, 5))} if damage == "other shape" else {}
    path = in_first_version(tmp_path, model, **changes)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255 if damage == "flipped" else 0
    content = {"empty": b"", "no archive": b"garbage", "cut": content[:-50]}.get(damage, content)
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{path.name} is damaged"):
        again, progress = restored(tmp_path, {"epochs": 3})
    assert progress == {}
    assert largest_difference(again, small_model()) == 0
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [content]
