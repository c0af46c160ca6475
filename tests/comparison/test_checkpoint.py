"""What an unfinished run has reached, and a file of it that is damaged."""

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
