"""A search whose trials take no time, so that what goes on around them can be tested."""

from collections.abc import Callable

import keras
import keras_tuner
import pytest

from keras_negact.tuning import BayesianOptimization, Cost, GridSearch, Hyperband, RandomSearch

TUNERS = {
    "random": RandomSearch,
    "hyperband": Hyperband,
    "bayesian": BayesianOptimization,
    "grid": GridSearch,
}
every_tuner = pytest.mark.parametrize("name", TUNERS)
ARGUMENTS = {
    "hyperband": {"max_epochs": 4, "factor": 2},
    "bayesian": {"num_initial_points": 4},
}
WIDTHS, HEIGHTS = (0, 1, 2, 3), (0, 1, 2, 3, 4)


class Toy(keras_tuner.HyperModel):
    """Points (width, height), whose score is their sum and whose cost grows with the width.

    Args:
        fails: called with the number of the run, the width and the height; what it raises, the run
            raises.
    """

    def __init__(self, fails: Callable[[int, int, int], None] = lambda *_: None):
        super().__init__()
        self.fails = fails
        self.runs: list[tuple[int, int]] = []

    def build(self, hp):
        hp.Choice("width", list(WIDTHS))
        hp.Choice("height", list(HEIGHTS))
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def fit(self, hp, model, *args, callbacks=(), **kwargs):
        width, height = hp.get("width"), hp.get("height")
        self.runs.append((width, height))
        self.fails(len(self.runs), width, height)
        score = width + height / 10
        for callback in callbacks:
            callback.set_model(model)
            callback.on_epoch_end(0, {"val_accuracy": score})
        return {"val_accuracy": score}

    def cost(self, hp):
        return Cost(0, 0, {"parameters": 1 + hp.get("width"), "multiply_adds": 1})


def toy_tuner(name: str, directory, toy: Toy | None = None, **arguments):
    """One of the tuners, on a toy."""
    given = {"max_trials": 6, "seed": 0, **ARGUMENTS.get(name, {}), **arguments}
    return TUNERS[name](toy or Toy(), directory=directory, **given)


def points_of(tuner) -> list[tuple[int, int]]:
    """The points of the finished trials."""
    values = [trial.hyperparameters.values for trial in tuner.finished_trials()]
    return [(one["width"], one["height"]) for one in values]
