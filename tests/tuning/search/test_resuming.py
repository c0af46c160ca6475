import json
import shutil

import pytest

from keras_negact.tuning import Budget
from keras_negact.tuning.search.trial_record import TrialRecord
from tests.support.toy_search import HEIGHTS, Toy, every_tuner, points_of, toy_tuner

pytestmark = pytest.mark.usefixtures("instant_trials")


def interrupted_at(number):
    def fails(run, width, height):
        if run == number:
            raise KeyboardInterrupt

    return fails


def interrupted_search(name, directory, number, **arguments):
    toy = Toy(interrupted_at(number))
    with pytest.raises(KeyboardInterrupt):
        toy_tuner(name, directory, toy, **arguments).search()
    return toy.runs


@every_tuner
@pytest.mark.parametrize("number", [1, 4])
def test_a_search_goes_on_where_it_was_interrupted(name, number, tmp_path):
    before = interrupted_search(name, tmp_path, number)
    toy = Toy()
    tuner = toy_tuner(name, tmp_path, toy)
    tuner.search()
    assert len(before) == number
    assert len(toy.runs) == 6 - (number - 1)
    # The trial that was lost is run again, and it alone.
    assert toy.runs[0] == before[-1]
    assert sorted(points_of(tuner)) == sorted(before[:-1] + toy.runs)


def test_a_grid_is_gone_through_in_the_same_order(tmp_path):
    before = interrupted_search("grid", tmp_path, 8, max_trials=None)
    toy = Toy()
    toy_tuner("grid", tmp_path, toy, max_trials=None).search()
    assert before[:-1] + toy.runs == [(width, height) for width in range(4) for height in HEIGHTS]


def test_a_finished_search_runs_nothing_and_a_longer_one_goes_on(tmp_path):
    toy_tuner("random", tmp_path, max_trials=3).search()
    toy = Toy()
    tuner = toy_tuner("random", tmp_path, toy, max_trials=3)
    tuner.search()
    assert toy.runs == []
    assert len(tuner.finished_trials()) == 3
    toy_tuner("random", tmp_path, toy, max_trials=5).search()
    assert len(toy.runs) == 2


def test_overwriting_starts_anew(tmp_path):
    toy_tuner("random", tmp_path).search()
    toy = Toy()
    toy_tuner("random", tmp_path, toy, overwrite=True).search()
    assert len(toy.runs) == 6


class KilledBetweenFiles(Toy):
    """Keeps the oracle's file as it was before a run, to put it back afterwards."""

    def __init__(self, folder, number):
        super().__init__(self.keep)
        self.folder, self.number = folder, number

    def keep(self, run, width, height):
        if run == self.number:
            shutil.copy(self.folder / "oracle.json", self.folder / "kept.json")


@every_tuner
def test_a_finished_trial_of_which_the_oracle_has_not_heard_is_not_run_again(name, tmp_path):
    folder = tmp_path / "search"
    killed = KilledBetweenFiles(folder, 4)
    toy_tuner(name, tmp_path, killed, max_trials=4).search()
    shutil.move(folder / "kept.json", folder / "oracle.json")
    toy = Toy()
    tuner = toy_tuner(name, tmp_path, toy)
    tuner.search()
    assert len(toy.runs) == 2
    assert len(tuner.finished_trials()) == 6


def test_a_trial_that_the_oracle_has_not_begun_is_made_anew(tmp_path):
    toy_tuner("random", tmp_path, max_trials=4).search()
    folder = tmp_path / "search"
    before = json.loads((folder / "oracle.json").read_text())
    trial = json.loads((folder / "trial_3" / "trial.json").read_text())
    (folder / "trial_4").mkdir()
    (folder / "trial_4" / "trial.json").write_text(
        json.dumps({**trial, "trial_id": "4", "status": "RUNNING", "score": None})
    )
    assert "4" not in before["start_order"]
    toy = Toy()
    tuner = toy_tuner("random", tmp_path, toy)
    tuner.search()
    assert len(toy.runs) == len(set(toy.runs)) == 2
    assert len(set(points_of(tuner))) == len(tuner.finished_trials()) == 6


def test_the_rejected_points_are_counted_on(tmp_path):
    first = toy_tuner("random", tmp_path, max_trials=3, budget=Budget(1))
    first.search()
    second = toy_tuner("random", tmp_path, max_trials=3, budget=Budget(1))
    assert second.oracle.rejected_points == first.oracle.rejected_points > 0


def test_a_trial_that_kills_its_process_every_time_is_given_up(tmp_path, capsys):
    interrupted_search("random", tmp_path, 1)
    folder = tmp_path / "search" / "trial_0"
    # An interruption by the user does not count, the end of a process does.
    assert TrialRecord.read(folder).begun == 0
    TrialRecord(begun=3).write(folder)
    toy = Toy()
    tuner = toy_tuner("random", tmp_path, toy)
    tuner.search()
    assert "Trial 0 failed: ChildProcessError: its process was ended 3 times" in (
        capsys.readouterr().out
    )
    assert len(tuner.finished_trials()) == len(toy.runs) == 6
