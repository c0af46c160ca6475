import itertools

import numpy as np
import pytest

from keras_negact import LENI
from keras_negact.tuning import Budget, GridSearch, Hyperband, RandomSearch
from tests.support.toy_search import (
    HEIGHTS,
    TUNERS,
    WIDTHS,
    Toy,
    every_tuner,
    points_of,
    toy_tuner,
)
from tests.support.tuning import compile_arguments, digits, hyper_model

pytestmark = pytest.mark.usefixtures("instant_trials")
ON_DIGITS = {
    # Two rounds: the third trial goes on with the weights of one of the first two.
    "hyperband": {"max_epochs": 2, "factor": 2},
    "bayesian": {"num_initial_points": 2},
}


@every_tuner
def test_real_trials_on_digits_and_the_best_network_reaches_its_score(name, tmp_path):
    compile_eagerly = {**compile_arguments(), "run_eagerly": True}
    tuner = TUNERS[name](
        hyper_model(compile=compile_eagerly, learning_rate=0.01),
        max_trials=3,
        seed=0,
        directory=tmp_path,
        **ON_DIGITS.get(name, {}),
    )
    images, labels = digits(200)
    tuner.search(
        images[:100],
        labels[:100],
        batch_size=20,
        epochs=1,
        validation_data=(images[100:], labels[100:]),
        verbose=0,
    )
    trials = tuner.finished_trials()
    assert len(trials) == 3
    best = tuner.get_best_models()[0]
    answers = np.argmax(best.predict(images[100:], verbose=0), axis=-1)
    assert np.mean(answers == labels[100:]) == pytest.approx(trials[0].score, abs=0.005)
    wheres = trials[0].hyperparameters.values["where"]
    assert any(isinstance(layer, LENI) for layer in best.layers) == (wheres != "nowhere")
    if name == "hyperband":
        assert {trial.hyperparameters.values["tuner/round"] for trial in trials} == {0, 1}


@every_tuner
def test_finished_trials_are_as_many_as_asked_for_and_within_the_budget(name, tmp_path, capsys):
    toy = Toy()
    tuner = toy_tuner(name, tmp_path, toy, budget=Budget(2))
    tuner.search()
    assert len(tuner.finished_trials()) == len(toy.runs) == 6
    assert all(width <= 1 for width, _ in toy.runs)
    if name != "hyperband":
        assert len(set(toy.runs)) == 6
    if name != "grid":
        assert tuner.oracle.rejected_points > 0
        assert f"{tuner.oracle.rejected_points} points over the budget" in capsys.readouterr().out


def test_a_grid_over_the_budget_is_gone_around(tmp_path):
    toy = Toy()
    tuner = toy_tuner("grid", tmp_path, toy, max_trials=None, budget=Budget(3))
    tuner.search()
    assert toy.runs == list(itertools.product((0, 1, 2), HEIGHTS))
    assert tuner.oracle.rejected_points == 5


def test_a_grid_whose_first_point_is_over_the_budget(tmp_path):
    class Reversed(Toy):
        def build(self, hp):
            hp.Choice("width", list(WIDTHS), default=3)
            return super().build(hp)

    toy = Reversed()
    toy_tuner("grid", tmp_path, toy, max_trials=None, budget=Budget(3)).search()
    assert sorted(toy.runs) == list(itertools.product((0, 1, 2), HEIGHTS))


@pytest.mark.parametrize("name", ["random", "bayesian", "grid"])
def test_a_space_smaller_than_asked_for_ends_the_search(name, tmp_path):
    toy = Toy()
    toy_tuner(name, tmp_path, toy, max_trials=50, budget=Budget(1)).search()
    assert set(toy.runs) <= {(0, height) for height in HEIGHTS}
    assert len(toy.runs) == len(set(toy.runs)) >= 4


def test_bayesian_search_does_not_try_a_point_twice_when_the_best_is_found(tmp_path):
    toy = Toy()
    toy_tuner("bayesian", tmp_path, toy, max_trials=12).search()
    assert len(set(toy.runs)) == 12
    assert (3, 4) in toy.runs


def test_networks_that_hyperband_trains_on_go_through_the_rounds(tmp_path):
    tuner = toy_tuner("hyperband", tmp_path, max_trials=None)
    tuner.search()
    rounds = [t.hyperparameters.values["tuner/round"] for t in tuner.finished_trials()]
    # Brackets of max_epochs=4, factor=2: 4 + 2 + 1, 3 + 2, and 3 networks.
    assert [rounds.count(n) for n in range(3)] == [10, 4, 1]


def test_the_same_seed_draws_the_same_points_and_seed_0_is_one(tmp_path):
    runs = []
    for number, seed in enumerate((0, 0, 1)):
        toy = Toy()
        toy_tuner("random", tmp_path / str(number), toy, seed=seed).search()
        runs.append(toy.runs)
    assert runs[0] == runs[1] != runs[2]


class Weighted(Toy):
    """Leaves a trial's point in the weights of its network."""

    def fit(self, hp, model, *args, **kwargs):
        model.set_weights([np.array([[hp.get("width")]]), np.array([hp.get("height")])])
        return super().fit(hp, model, *args, **kwargs)


def test_the_weights_are_those_of_the_best_trial(tmp_path):
    tuner = toy_tuner("random", tmp_path, Weighted())
    tuner.search()
    points = points_of(tuner)
    assert points[0] == max(points)
    found = [model.get_weights() for model in tuner.get_best_models(3)]
    assert [(kernel.item(), bias.item()) for kernel, bias in found] == points[:3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_trials": 0}, "max_trials"),
        ({"hypermodel": lambda hp: None, "budget": Budget(2)}, "knows what its networks cost"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        RandomSearch(**{"hypermodel": Toy(), "directory": tmp_path, **arguments})


class Own(Hyperband):
    """With arguments that only the tuner which it inherits from has names for."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)


@pytest.mark.parametrize("tuner", [RandomSearch, GridSearch, Own])
def test_an_argument_that_is_not_known_is_refused_with_those_that_are(tuner, tmp_path):
    wrong = rf"{tuner.__name__} has no argument `alpha`\. It takes .*max_trials.* Received: alpha=3"
    with pytest.raises(TypeError, match=wrong) as caught:
        tuner(Toy(), directory=tmp_path, alpha=3)
    assert ("max_epochs" in str(caught.value)) == issubclass(tuner, Hyperband)
    assert not any(tmp_path.iterdir())


def test_arguments_are_known_to_a_tuner_that_inherits_them(tmp_path):
    Own(Toy(), max_epochs=2, seed=0, directory=tmp_path, allow_new_entries=True, tuner_id="mine")


@pytest.mark.parametrize("arguments", [{"max_cost": 0.9}, {"max_cost": 2, "measure": "seconds"}])
def test_a_budget_that_makes_no_sense_is_refused(arguments):
    with pytest.raises(ValueError, match="Received"):
        Budget(**arguments)
