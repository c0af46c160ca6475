import sys

import keras
import pytest
import tensorflow as tf

from keras_negact import LENI
from keras_negact.tuning import RandomSearch, leni_search_space
from keras_negact.tuning.finite_loss import NanLoss
from tests.support.toy_search import Toy, every_tuner, toy_tuner
from tests.support.tuning import digits, hyper_model, parameters_at

pytestmark = pytest.mark.usefixtures("instant_trials")


def first_five_fail(run, width, height):
    if run == 1:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nwith shape")
    if run == 2:
        raise NanLoss("loss is nan in epoch 1")
    if run <= 5:
        raise ValueError(f"no network of width {width}")


def all_fail(run, width, height):
    raise ValueError(f"run {run}\nof many")


@every_tuner
def test_failures_are_told_and_made_up_for(name, tmp_path, capsys):
    toy = Toy(first_five_fail)
    tuner = toy_tuner(name, tmp_path, toy)
    tuner.search()
    assert len(toy.runs) == 11
    assert len(tuner.finished_trials()) == 6
    told = capsys.readouterr().out
    assert "Trial 0 failed: ResourceExhaustedError: OOM when allocating tensor\n" in told
    assert "Trial 1 failed: NanLoss: loss is nan in epoch 1\n" in told
    assert told.count(" failed: ValueError: no network of width ") == 3
    # At once: before the next one begins.
    assert told.index("Trial 0 failed") < told.index("Trial 1 begins")


def test_the_whole_traceback_is_kept(tmp_path):
    tuner = toy_tuner("random", tmp_path, Toy(first_five_fail))
    tuner.search()
    failed = [trial for trial in tuner.oracle.trials.values() if trial.status == "FAILED"]
    assert len(failed) == 5
    assert all("first_five_fail" in trial.message for trial in failed)


def test_hyperband_goes_on_to_the_next_rounds_in_spite_of_failures(tmp_path):
    tuner = toy_tuner("hyperband", tmp_path, Toy(first_five_fail), max_trials=None)
    tuner.search()
    rounds = [t.hyperparameters.values["tuner/round"] for t in tuner.finished_trials()]
    assert [rounds.count(n) for n in range(3)] == [10, 4, 1]


def test_a_search_in_which_all_fails_ends_and_says_why(tmp_path, capsys):
    toy = Toy(all_fail)
    tuner = toy_tuner("random", tmp_path, toy, max_trials=3, max_failed_trials=4)
    tuner.search()
    assert len(toy.runs) == 7
    assert tuner.finished_trials() == []
    with pytest.raises(RuntimeError, match=r"has finished\. Failures: 1 x ValueError: run 1"):
        tuner.get_best_models()
    with pytest.raises(FileNotFoundError, match="because it failed: ValueError: run 1"):
        tuner.load_model(tuner.oracle.trials["0"])


def test_a_trial_may_be_tried_again(tmp_path):
    toy = Toy(first_five_fail)
    tuner = toy_tuner("random", tmp_path, toy, max_trials=2, max_retries_per_trial=5)
    tuner.search()
    assert len(tuner.finished_trials()) == len(tuner.oracle.trials) == 2
    assert len(toy.runs) == 7


def test_an_invalid_combination_from_a_users_own_space(tmp_path, capsys):
    def build(hp):
        model = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.Conv2D(3, 3),
                LENI(**leni_search_space(hp)),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(10),
            ]
        )
        model.compile(
            "sgd",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            run_eagerly=True,
        )
        return model

    images, labels = digits(20)
    with pytest.warns(UserWarning, match=r"no network: ValueError: `\w*groups` must divide"):
        tuner = RandomSearch(build, max_trials=4, seed=2, directory=tmp_path)
    tuner.search(images, labels, validation_data=(images, labels))
    assert len(tuner.finished_trials()) == 4
    assert "failed: ValueError: `transform_groups` must divide" in capsys.readouterr().out


class FailsWhereWide(Toy):
    def build(self, hp):
        model = super().build(hp)
        with hp.conditional_scope("width", [1, 2, 3]):
            if hp.Choice("more", [1, 2]) is not None:
                raise ValueError("too wide")
        return model


def test_what_cannot_be_built_while_the_space_is_explored_does_not_end_the_search(tmp_path):
    with pytest.warns(UserWarning, match=r"A point of the space has no network: .*: too wide"):
        tuner = toy_tuner("random", tmp_path, FailsWhereWide(), max_trials=3)
    tuner.search()
    assert {trial.hyperparameters.values["width"] for trial in tuner.finished_trials()} == {0}


def test_a_loss_that_is_not_a_number_is_a_failure():
    model = hyper_model(weight_decay=0.0).build(parameters_at({"learning_rate": float("nan")}))
    model.run_eagerly = True
    images, labels = digits(20)
    with pytest.raises(NanLoss, match=r"loss is nan in epoch 1"):
        hyper_model().fit(None, model, images, labels, batch_size=10, epochs=3, verbose=0)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("tensorboard", "random"),
        ("scipy", "bayesian"),
        ("sklearn", "bayesian"),
    ],
)
def test_what_is_not_installed_is_named_before_the_first_trial(module, name, tmp_path, monkeypatch):
    for loaded in [one for one in sys.modules if one.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"`{module}.*keras_negact\[tune\]"):
        toy_tuner(name, tmp_path)
