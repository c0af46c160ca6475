"""What a search begins with, what it refuses, and what it makes of damaged files."""

import ast
import functools
import json
import pathlib
import shutil
from collections import namedtuple

import keras
import keras_tuner
import pytest

from keras_negact import _ownership, tuning
from keras_negact._ownership import FolderInUse, owned
from keras_negact.tuning import Budget, RandomSearch, pareto_front, trial_rows
from keras_negact.tuning._keras_tuner import PRIVATE_NAMES
from keras_negact.tuning.search_files import identity, write_identity
from tests.support.toy_search import TUNERS, Toy, points_of, toy_tuner
from tests.support.tuning import compile_arguments, digits, hyper_model, small_network

pytestmark = pytest.mark.usefixtures("instant_trials")
every_tuner = pytest.mark.parametrize("name", TUNERS)


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
    monkeypatch.setattr("keras_negact.tuning.tuners.owned", functools.partial(owned, patience=0))
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


DAMAGES = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "null": lambda text: "null",
    "list": lambda text: "[]",
    "no keys": lambda text: "{}",
    "nested": lambda text: "[" * 100_000,
    "not text": lambda text: b"\xff\xfe\x00",
    "wrong values": lambda text: json.dumps(dict.fromkeys(json.loads(text), 5)),
}


def damage(path, how):
    changed = DAMAGES[how](path.read_text())
    path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
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


def test_every_private_name_of_keras_tuner_that_is_used_is_looked_at():
    named = {name for names in PRIVATE_NAMES.values() for name in names}
    used, own = set(), set()
    for file in ("oracles.py", "tuners.py", "results.py"):
        tree = ast.parse(pathlib.Path(tuning.__file__).with_name(file).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and _is_private(node.attr):
                owner = ast.unparse(node.value)
                if owner == "super()":
                    used.add(node.attr)
                elif owner == "self":
                    (own if isinstance(node.ctx, ast.Store) else used).add(node.attr)
            elif isinstance(node, ast.FunctionDef):
                own.add(node.name)
    assert used - own - named == set()
    # And none is looked at in vain.
    assert named <= used | own


def _is_private(name):
    return name.startswith("_") and not name.startswith("__")
