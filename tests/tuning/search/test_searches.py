"""What a search begins with, and what it refuses."""

import shutil
from collections import namedtuple

import keras
import keras_tuner
import pytest

from keras_negact import tuning
from keras_negact.tuning import Budget, RandomSearch, pareto_front, trial_rows
from keras_negact.tuning.search.files import identity, write_identity
from tests.support.toy_search import Toy, every_tuner, toy_tuner
from tests.support.tuning import compile_arguments, digits, hyper_model, small_network

pytestmark = pytest.mark.usefixtures("instant_trials")


class Starting(Toy):
    first_points = ({}, {"width": 3, "height": 2}, {"width": 9})


@every_tuner
def test_a_search_begins_with_the_first_points(name, tmp_path):
    toy = Starting()
    toy_tuner(name, tmp_path, toy).search()
    assert toy.runs[:2] == [(0, 0), (3, 2)]
    assert len(toy.runs) == 6


def test_a_grid_with_first_points_is_gone_through_once(tmp_path):
    toy = Starting()
    toy_tuner("grid", tmp_path, toy, max_trials=None).search()
    assert len(toy.runs) == len(set(toy.runs)) == 20


def test_first_points_over_the_budget_are_left_out(tmp_path):
    toy = Starting()
    tuner = toy_tuner("random", tmp_path, toy, budget=Budget(2))
    tuner.search()
    assert toy.runs[0] == (0, 0)
    assert all(width <= 1 for width, _ in toy.runs)


def test_a_search_of_a_network_begins_with_the_default_block_and_with_its_own_activation(tmp_path):
    tuner = RandomSearch(hyper_model(), max_trials=3, seed=1, directory=tmp_path)
    begun = [tuner.oracle.create_trial(f"worker{n}").hyperparameters.values for n in range(3)]
    rates = {"learning_rate": 3e-3, "weight_decay": 0.01}
    assert begun[0] == {
        **rates,
        "where": "8x8+4x4",
        "leni/transform": "depthwise",
        "leni/kernel_size": 3,
        "leni/normalization": "none",
        "leni/compression": "channelwise",
        "leni/start": "keep",
    }
    assert begun[1] == {**rates, "where": "nowhere"}
    assert begun[2] not in begun[:2]


def test_the_search_of_a_network_is_taken_up_with_its_conditions_or_refused(tmp_path):
    def search(**arguments):
        return RandomSearch(hyper_model(**arguments), max_trials=3, seed=1, directory=tmp_path)

    first = search()
    point = first.oracle.create_trial("tuner0").hyperparameters.values
    # Without the file that says what it is about, as earlier versions left it, and with it.
    for _ in range(2):
        again = search()
        assert again.oracle.create_trial("tuner0").hyperparameters.values == point
        space = again.oracle.get_space().get_config()["space"]
        assert space == first.oracle.get_space().get_config()["space"]
        write_identity(tmp_path / "search", identity(first, space))
    with pytest.raises(ValueError, match="space has other values of learning_rate"):
        search(learning_rate=0.1)
    other = tuning.LENIHyperModel(deeper_network, compile=compile_arguments())
    with pytest.raises(ValueError, match=r"network was a network of .*, is a network of"):
        RandomSearch(other, max_trials=3, seed=1, directory=tmp_path)


def deeper_network():
    """Another network with the same space."""
    layers = small_network().layers
    first = [keras.layers.Conv2D(8, 1)]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers[:2], *first, *layers[2:]])


class Ties(Toy):
    def fit(self, hp, model, *args, **kwargs):
        super().fit(hp, model, *args, **kwargs)
        return {"val_accuracy": 0.5}


@every_tuner
def test_of_equal_trials_the_earlier_is_the_best_before_and_after_a_reload(name, tmp_path):
    tuner = toy_tuner(name, tmp_path, Ties(), max_trials=11)
    tuner.search()
    again = toy_tuner(name, tmp_path, Ties(), max_trials=11)
    order = [trial.trial_id for trial in tuner.finished_trials()]
    assert order == sorted(order, key=int)
    assert [trial.trial_id for trial in again.finished_trials()] == order


@every_tuner
def test_an_objective_that_is_not_logged_ends_the_search_after_the_first_trial(name, tmp_path):
    toy, objective = Toy(), keras_tuner.Objective("val_acuracy", "max")
    tuner = toy_tuner(name, tmp_path, toy, objective=objective)
    with pytest.raises(keras_tuner.errors.FatalError, match="val_acuracy"):
        tuner.search()
    assert len(toy.runs) == 1


def built(hp):
    hp.Choice("a", [1, 2, 3])
    model = small_network()
    model.compile("sgd", **compile_arguments(), run_eagerly=True)
    return model


@pytest.mark.parametrize("hypermodel", [lambda: built, hyper_model], ids=["function", "leni"])
def test_an_objective_that_no_network_can_log_ends_the_search_before_the_first_trial(
    hypermodel, tmp_path
):
    images, labels = digits(20)
    objective = keras_tuner.Objective("val_acuracy", "max")
    tuner = RandomSearch(hypermodel(), objective, max_trials=12, directory=tmp_path)
    with pytest.raises(keras_tuner.errors.FatalError, match=r"accuracy, loss, val_accuracy"):
        tuner.search(images, labels, validation_data=(images, labels), verbose=0)
    assert not tuner.oracle.trials


def test_an_objective_that_a_callback_logs_is_found(tmp_path):
    class Own(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["own"] = 1.0 + epoch

    images, labels = digits(20)
    objective = keras_tuner.Objective("own", "max")
    tuner = RandomSearch(built, objective, max_trials=1, directory=tmp_path)
    tuner.search(images, labels, epochs=2, callbacks=[Own()], verbose=0)
    assert tuner.finished_trials()[0].score == 2


def test_networks_of_several_inputs_are_searched_with_lists(tmp_path):
    def two_inputs():
        inputs = [keras.Input((8, 8, 1)), keras.Input((8, 8, 1))]
        hidden = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Add()(inputs))
        hidden = keras.layers.GlobalAveragePooling2D()(hidden)
        return keras.Model(inputs, keras.layers.Dense(10)(hidden))

    images, labels = digits(20)
    pair = [images, images[::-1].copy()]
    compiling = {**compile_arguments(), "run_eagerly": True}
    hypermodel = tuning.LENIHyperModel(two_inputs, compile=compiling, seed=0)
    for name, validation in (
        ("data", {"validation_data": (pair, labels)}),
        ("split", {"validation_split": 0.5}),
    ):
        tuner = RandomSearch(hypermodel, max_trials=1, directory=tmp_path, project_name=name)
        tuner.search(pair, labels, **validation, verbose=0)
        assert len(tuner.finished_trials()) == 1


def test_forgotten_validation_data_are_told_before_the_first_trial(tmp_path):
    images, labels = digits(20)
    tuner = RandomSearch(built, max_trials=2, seed=0, directory=tmp_path)
    with pytest.raises(keras_tuner.errors.FatalError, match=r"accuracy, loss\..*validation data"):
        tuner.search(images, labels, verbose=0)
    assert not tuner.oracle.trials
    again = RandomSearch(built, max_trials=2, seed=0, directory=tmp_path)
    again.search(images, labels, validation_data=(images, labels), verbose=0)
    rows = trial_rows(again)
    assert [row["status"] for row in rows] == ["COMPLETED"] * 2
    assert {"parameters"}.isdisjoint(rows[0])
    with pytest.raises(ValueError, match="`cost` must be the name of a column"):
        pareto_front(rows, "parameters")
    assert pareto_front(rows, "a")[0]["a"] == min(row["a"] for row in rows if row["score"])


@pytest.mark.parametrize("verbose", [0, False, 1, True, "auto"])
def test_is_silent_where_it_is_told_to_be(verbose, tmp_path, capsys):
    tuner = toy_tuner("random", tmp_path, max_trials=1)
    tuner.search(verbose=verbose)
    assert bool(capsys.readouterr().out) == bool(verbose)


def test_rows_are_those_of_a_tuner_and_hold_plain_numbers(tmp_path):
    tuner = toy_tuner("random", tmp_path, max_trials=1)
    tuner.search(verbose=0)
    assert type(trial_rows(tuner)[0]["score"]) is float
    with pytest.raises(ValueError, match=r"`tuner` must be a tuner of keras_negact\.tuning"):
        trial_rows(5)


class NanLosses(Toy):
    def fit(self, hp, model, *args, **kwargs):
        result = super().fit(hp, model, *args, **kwargs)
        return {**result, "loss": float("nan") if len(self.runs) <= 2 else 1.0}


@every_tuner
def test_a_loss_that_is_not_a_number_fails_a_trial_of_any_hypermodel(name, tmp_path, capsys):
    toy = NanLosses()
    tuner = toy_tuner(name, tmp_path, toy)
    tuner.search()
    assert capsys.readouterr().out.count("failed: NanLoss: loss is nan") == 2
    assert len(tuner.finished_trials()) == 6


class Diverging(keras_tuner.HyperModel):
    """Networks that Keras trains, some at a rate at which the loss is no number."""

    first_points = ({"rate": "too large"}, {"rate": "right"})

    def build(self, hp):
        rate = hp.Choice("rate", ["right", "too large"])
        keras.utils.set_random_seed(hp.Choice("seed", [0, 1, 2, 3]))
        model = small_network()
        optimizer = keras.optimizers.SGD(0.01 if rate == "right" else float("inf"))
        model.compile(optimizer, **compile_arguments(), run_eagerly=True)
        return model


@every_tuner
def test_networks_whose_loss_is_not_a_number_fail_whatever_trains_them(name, tmp_path, capsys):
    tuner = toy_tuner(name, tmp_path, Diverging(), max_trials=3)
    images, labels = digits(20)
    tuner.search(images, labels, validation_data=(images, labels))
    assert {trial.hyperparameters.values["rate"] for trial in tuner.finished_trials()} == {"right"}
    failed = [trial for trial in tuner.oracle.trials.values() if trial.status == "FAILED"]
    assert {trial.hyperparameters.values["rate"] for trial in failed} == {"too large"}
    assert capsys.readouterr().out.count("failed: NanLoss: ") == len(failed)


def test_the_results_of_executions_are_averaged_and_their_seeds_differ(tmp_path):
    hypermodel = hyper_model(
        compile={**compile_arguments(), "run_eagerly": True}, learning_rate=0.01, weight_decay=0.0
    )
    kernels, scores = [], []
    fit = hypermodel.fit

    def watched(hp, model, *args, **kwargs):
        kernels.append(model.get_layer("second").kernel.numpy().sum())
        history = fit(hp, model, *args, **kwargs)
        scores.append(max(history.history["val_accuracy"]))
        return history

    hypermodel.fit = watched
    tuner = RandomSearch(hypermodel, max_trials=1, executions_per_trial=2, directory=tmp_path)
    images, labels = digits(40)
    tuner.search(images, labels, validation_data=(images, labels), verbose=0)
    assert kernels[0] != kernels[1]
    assert tuner.finished_trials()[0].score == pytest.approx(sum(scores) / 2)


def test_a_full_disk_ends_the_search_before_the_first_weights(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 1_000_000))
    toy = Toy()
    with pytest.raises(keras_tuner.errors.FatalError, match=r"1 MB left.*Make room"):
        toy_tuner("random", tmp_path, toy).search()
    assert toy.runs == []


@pytest.mark.parametrize(
    ("argument", "replacement"),
    [("distribution_strategy", "`strategy`"), ("max_consecutive_failed_trials", "max_failed")],
)
def test_an_argument_that_is_called_otherwise_is_answered_with_its_name(argument, replacement):
    with pytest.raises(TypeError, match=f"`{argument}` is not taken.*{replacement}"):
        RandomSearch(Toy(), **{argument: 3})


def test_a_column_that_not_every_trial_has_is_no_cost():
    rows = [
        {"status": "COMPLETED", "score": 0.9, "parameters": 5, "seconds": 1.0, "taps": 3},
        {"status": "COMPLETED", "score": 0.8, "parameters": 4, "seconds": None},
    ]
    assert len(pareto_front(rows, "parameters")) == 2
    for name in ("seconds", "taps"):
        with pytest.raises(ValueError, match="`cost` must be the name of a column of numbers"):
            pareto_front(rows, name)
