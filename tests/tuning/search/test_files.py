"""Whose the folder of a search is, and what is made of damaged files in it."""

import functools
import json

import keras
import pytest

from keras_negact import _ownership, tuning
from keras_negact._ownership import FolderInUse, owned
from keras_negact.tuning import trial_rows
from tests.support.damage import OF_ANY_TEXT, as_bytes
from tests.support.toy_search import Toy, every_tuner, points_of, toy_tuner
from tests.support.tuning import compile_arguments, hyper_model

pytestmark = pytest.mark.usefixtures("instant_trials")


class OtherSpace(Toy):
    def build(self, hp):
        hp.Choice("depth", [1, 2])
        return super().build(hp)


def test_the_folder_of_another_search_is_refused_by_name(tmp_path):
    tuner = toy_tuner("random", tmp_path)
    tuner.search()
    before = (tmp_path / "search" / "oracle.json").read_text()
    for make, message in (
        (lambda: toy_tuner("random", tmp_path, OtherSpace()), "space has other values of depth"),
        (lambda: toy_tuner("grid", tmp_path), "tuner was RandomSearch, is GridSearch"),
        (lambda: toy_tuner("random", tmp_path, objective="val_loss"), "objective was .*val_acc"),
    ):
        with pytest.raises(ValueError, match=f"another one: the .*{message}.*overwrite=True"):
            make()
    assert (tmp_path / "search" / "oracle.json").read_text() == before
    # As an earlier version left it.
    (tmp_path / "search" / "search.json").unlink()
    assert points_of(toy_tuner("random", tmp_path)) == points_of(tuner)
    with pytest.raises(ValueError, match="space has other values of depth"):
        toy_tuner("random", tmp_path, OtherSpace())


def test_networks_are_told_apart_by_their_architecture_not_by_names_and_weights():
    def wider():
        layers = [keras.layers.Conv2D(9, 3, padding="same", activation="relu")]
        return keras.Sequential([keras.Input((8, 8, 1)), *layers])

    assert hyper_model().network == hyper_model().network
    other = tuning.LENIHyperModel(wider, compile=compile_arguments())
    assert other.network != hyper_model().network
    assert "1 layers" in other.network


def test_a_folder_has_one_owner(tmp_path, monkeypatch):
    monkeypatch.setattr(_ownership, "_RETRY_EVERY", 0.01)
    toy = Toy()
    tuner = toy_tuner("random", tmp_path, toy)
    monkeypatch.setattr(
        "keras_negact.tuning.search.careful_tuner.owned", functools.partial(owned, patience=0)
    )
    with owned(tmp_path / "search"):
        with pytest.raises(FolderInUse, match="in use by process"):
            tuner.search()
        with pytest.raises(FolderInUse):
            toy_tuner("random", tmp_path, overwrite=True)
    assert toy.runs == []


def test_a_search_that_another_one_finished_meanwhile_is_not_run_again(tmp_path):
    toy = Toy()
    late = toy_tuner("random", tmp_path, toy)
    toy_tuner("random", tmp_path).search()
    late.search()
    assert toy.runs == []
    assert len(late.finished_trials()) == 6


DAMAGES = OF_ANY_TEXT | {
    "wrong values": lambda text: json.dumps(dict.fromkeys(json.loads(text), 5)),
}


def damage(path, how):
    path.write_bytes(as_bytes(DAMAGES[how](path.read_text())))
    return path.read_bytes()


@pytest.mark.parametrize("file", ["oracle.json", "search.json"])
def test_a_damaged_file_of_the_search_is_refused_by_name_and_kept(file, tmp_path):
    toy_tuner("random", tmp_path, max_trials=2).search()
    path = tmp_path / "search" / file
    whole = path.read_text()
    for how in DAMAGES:
        kept = damage(path, how)
        with pytest.raises(RuntimeError, match=rf"{file} is damaged: .*The file is kept"):
            toy_tuner("random", tmp_path, max_trials=2)
        assert path.read_bytes() == kept
        path.write_text(whole)


@every_tuner
def test_finished_trials_without_the_file_of_the_search_are_not_written_over(name, tmp_path):
    toy_tuner(name, tmp_path, max_trials=2).search()
    (tmp_path / "search" / "oracle.json").unlink()
    kept = {path: path.read_bytes() for path in (tmp_path / "search").rglob("trial.json")}
    assert kept
    with pytest.raises(RuntimeError, match=r"oracle.json is missing"):
        toy_tuner(name, tmp_path, max_trials=2)
    assert {path: path.read_bytes() for path in kept} == kept
    toy_tuner(name, tmp_path, max_trials=2, overwrite=True).search()


@every_tuner
def test_a_search_goes_on_without_the_trials_whose_files_are_damaged(name, tmp_path):
    toy_tuner(name, tmp_path, max_trials=5).search()
    kept = {}
    for how, number in zip(["cut", "wrong values"], [1, 3], strict=True):
        path = next((tmp_path / "search").glob(f"trial_*{number}")) / "trial.json"
        kept[path] = damage(path, how)
    toy = Toy()
    with pytest.warns(UserWarning, match=r"trial.json is damaged: .*another one is made"):
        tuner = toy_tuner(name, tmp_path, toy, max_trials=5)
    with pytest.warns(UserWarning, match=r"trial.json is damaged"):
        tuner.search()
    rows = trial_rows(tuner)
    assert len(toy.runs) == 2
    assert len(tuner.finished_trials()) == 5
    assert [row["status"] for row in rows] == ["COMPLETED"] * 5 + ["FAILED"] * 2
    assert all("trial.json is damaged" in row["failure"] for row in rows[5:])
    assert all(path.read_bytes() == content for path, content in kept.items())


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_trial_is_told_by_name_and_kept(how, tmp_path):
    toy_tuner("random", tmp_path, max_trials=2).search()
    path = tmp_path / "search" / "trial_0" / "trial.json"
    kept = damage(path, how)
    with pytest.warns(UserWarning, match=f"{path} is damaged: .*another one is made"):
        tuner = toy_tuner("random", tmp_path, max_trials=2)
    assert len(tuner.finished_trials()) == 1
    assert path.read_bytes() == kept


@pytest.mark.parametrize("how", DAMAGES)
def test_a_search_goes_on_without_a_damaged_record_of_a_run(how, tmp_path):
    toy_tuner("random", tmp_path, max_trials=2).search()
    path = tmp_path / "search" / "trial_0" / "run.json"
    kept = damage(path, how)
    toy = Toy()
    tuner = toy_tuner("random", tmp_path, toy, max_trials=3)
    tuner.search()
    with pytest.warns(UserWarning, match=r"run.json is damaged"):
        rows = trial_rows(tuner)
    assert len(toy.runs) == 1
    assert len(rows) == 3
    assert path.read_bytes() == kept


def test_damaged_weights_are_told_by_name(tmp_path):
    tuner = toy_tuner("random", tmp_path, max_trials=1)
    tuner.search()
    weights = tmp_path / "search" / "trial_0" / "checkpoint.weights.h5"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RuntimeError, match=r"checkpoint.weights.h5 is damaged: .*file is kept"):
        tuner.get_best_models()
