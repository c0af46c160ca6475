"""Folders that are removed, or disks that are full, in the middle of the work: one sentence."""

import os
import shutil

import keras
import keras_tuner
import pytest

from keras_negact import _files
from keras_negact.comparison.results import append_run, read_runs
from keras_negact.training import Backup, fit
from tests.support.backends import tensorflow_only
from tests.support.comparisons import made_up_run
from tests.support.full_files import full_after
from tests.support.small_training import small_data, small_model
from tests.support.toy_search import Toy, toy_tuner

pytestmark = tensorflow_only


def assert_one_sentence(error, folder):
    assert str(folder) in str(error)
    assert "\n" not in str(error)


def replaced_by_file(folder):
    shutil.rmtree(folder)
    folder.write_text("in the way")


def read_only(folder):
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o500)


LOSSES = [
    shutil.rmtree,
    replaced_by_file,
    pytest.param(
        read_only, marks=pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
    ),
]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_search_whose_folder_is_lost_ends_with_the_trial(lose, tmp_path):
    def loses(run, width, height):
        if run == 2:
            lose(tmp_path / "search")

    toy = Toy(loses)
    with pytest.raises((keras_tuner.errors.FatalError, OSError)) as caught:
        toy_tuner("random", tmp_path, toy).search()
    assert_one_sentence(caught.value, tmp_path / "search")
    assert len(toy.runs) == 2


def test_a_search_whose_state_cannot_be_written_goes_on_once_it_can(tmp_path):
    in_the_way = tmp_path / "search" / "unfinished_oracle.json"

    def fails(run, width, height):
        if run == 3:
            in_the_way.mkdir()

    toy, again = Toy(fails), Toy()
    with pytest.raises(OSError, match="the same command goes on") as caught:
        toy_tuner("random", tmp_path, toy).search()
    assert_one_sentence(caught.value, tmp_path / "search")
    in_the_way.rmdir()
    tuner = toy_tuner("random", tmp_path, again)
    tuner.search()
    assert len(tuner.finished_trials()) == 6
    assert len(toy.runs) + len(again.runs) <= 7


@pytest.mark.parametrize("lose", LOSSES)
def test_training_whose_backup_is_lost_says_so(lose, tmp_path):
    folder = tmp_path / "backup"
    x, y = small_data()
    loses = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epoch and lose(folder)
    )
    model, callbacks = small_model(run_eagerly=True), [Backup(folder), loses]
    with pytest.raises(OSError, match=r"A backup could not be written .* there is none") as caught:
        fit(model, x, y, epochs=3, verbose=0, callbacks=callbacks)
    assert_one_sentence(caught.value, folder)


def test_a_finished_run_that_cannot_be_written_is_not_taken_for_one(tmp_path):
    path = tmp_path / "runs.jsonl"
    append_run(path, made_up_run("relu", 0, 0.5))
    with (
        full_after(path.stat().st_size + 30),
        pytest.raises(OSError, match="makes it again") as caught,
    ):
        append_run(path, made_up_run("leni", 0, 0.5))
    assert_one_sentence(caught.value, path)
    append_run(path, made_up_run("funnel", 0, 0.5))
    with pytest.warns(UserWarning, match="line 2 is no run"):
        assert [run["variant"] for run in read_runs(path)] == ["relu", "funnel"]
    shutil.rmtree(tmp_path)
    with pytest.raises(OSError, match="makes it again") as caught:
        append_run(path, made_up_run("leni", 0, 0.5))
    assert_one_sentence(caught.value, path)


def test_a_file_of_a_comparison_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "summary.md"
    _files.replace(path, "before")
    with full_after(100), pytest.raises(OSError, match="goes on from what is there") as caught:
        _files.replace(path, "x" * 1000)
    assert_one_sentence(caught.value, path)
    assert [one.read_text() for one in tmp_path.iterdir()] == ["before"]
