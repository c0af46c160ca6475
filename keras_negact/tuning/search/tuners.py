"""keras-tuner's four tuners, as careful ones."""

from typing import Any

from keras_negact import _checks
from keras_negact.tuning._keras_tuner import keras_tuner
from keras_negact.tuning.search import oracles
from keras_negact.tuning.search.arguments import optional_integer
from keras_negact.tuning.search.careful_tuner import CarefulTuner


class RandomSearch(CarefulTuner):
    """Tries points drawn at random, each once.

    The first points are those that the hypermodel's `first_points` tells, if it has such: of a
    `LENIHyperModel` the default block, then the network without the block.

    Args:
        hypermodel: a `LENIHyperModel`, or whatever keras-tuner takes for one.
        objective: a name such as `"val_accuracy"`, keras-tuner's `Objective`, or a list of them.
        max_trials: finished trials to reach. Failed ones are made up for, and points over the
            budget do not count.
        budget: the most that a network may cost. `None`: anything.
        seed: of the search. (That of training is the hypermodel's.)
        executions_per_trial: trainings of each point, whose results are averaged. Those of a
            `LENIHyperModel` with a seed have the seeds `seed`, `seed + 1`, ...
        max_retries_per_trial: how often a failed trial is tried again before it counts as failed.
        max_failed_trials: after so many failed trials no further ones are made up for. `None`: as
            many as `max_trials`, at least 10.
        strategy: the `tf.distribute` strategy to train under, see `training.make_strategy`.
        directory, project_name: where it is all kept. A search that is found there goes on.
        overwrite: whether to delete it instead.
        **of_keras_tuner: `hyperparameters`, `tune_new_entries`, `allow_new_entries`,
            `max_model_size`, `optimizer`, `loss`, `metrics` and `tuner_id`, as for keras-tuner's.

    Raises:
        ValueError: when an argument is not allowed, or another search is in the folder.
        TypeError: for an argument that is not known, or is called otherwise here.
        RuntimeError: if a file of the search is damaged.
        FolderInUse: if it is to be overwritten while another process searches there.
        ImportError: if the extra `tune` is not installed.

    Examples:
        >>> def build(hp):
        ...     units = hp.Choice("units", [1, 2, 4])
        ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
        ...     model.compile("sgd", "mse")
        ...     return model
        >>> x, y = np.ones((8, 2)), np.zeros((8, 1))
        >>> tuner = RandomSearch(
        ...     build, "val_loss", max_trials=2, directory="searches", project_name="random"
        ... )
        >>> tuner.search(x, y, epochs=1, validation_data=(x, y), verbose=0)
        >>> len(tuner.finished_trials())
        2
        >>> tuner.get_best_models()[0].input_shape
        (None, 2)
    """

    oracle_class = oracles.RandomSearchOracle


class BayesianOptimization(CarefulTuner):
    """Tries the points of which a Gaussian process, fitted to the trials so far, hopes most.

    Args:
        hypermodel, objective, max_trials: as for `RandomSearch`.
        num_initial_points: random ones, before the process is fitted. `None`: three times the
            number of hyperparameters.
        alpha: added to the diagonal of the process's kernel: the variance of the noise of scores.
        beta: how many standard deviations of uncertainty are worth a try.
        **arguments: as for `RandomSearch`.

    Raises:
        ValueError, TypeError, RuntimeError, FolderInUse, ImportError: as `RandomSearch`.

    Examples:
        >>> def build(hp):
        ...     units = hp.Choice("units", [1, 2, 4])
        ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
        ...     model.compile("sgd", "mse")
        ...     return model
        >>> x, y = np.ones((8, 2)), np.zeros((8, 1))
        >>> tuner = BayesianOptimization(
        ...     build, "val_loss", max_trials=1, directory="searches", project_name="bayesian"
        ... )
        >>> tuner.search(x, y, epochs=1, validation_data=(x, y), verbose=0)
        >>> len(tuner.finished_trials())
        1
    """

    oracle_class = oracles.BayesianOptimizationOracle
    needs = ("scipy.optimize", "sklearn.gaussian_process")

    def __init__(
        self,
        hypermodel,
        objective: Any = "val_accuracy",
        max_trials: int | None = 10,
        *,
        num_initial_points: int | None = None,
        alpha: float = 1e-4,
        beta: float = 2.6,
        **arguments,
    ):
        super().__init__(
            hypermodel,
            objective,
            max_trials,
            num_initial_points=optional_integer("num_initial_points", num_initial_points, 1),
            alpha=_checks.number("alpha", alpha, above=0),
            beta=_checks.number("beta", beta, 0),
            **arguments,
        )


class GridSearch(CarefulTuner):
    """Tries the points of the space one after the other, the last hyperparameter varied first.

    Hyperparameters that are continuous have ten values each.

    Args:
        hypermodel, objective: as for `RandomSearch`.
        max_trials: finished trials to reach. `None`: the whole grid.
        **arguments: as for `RandomSearch`.

    Raises:
        ValueError, TypeError, RuntimeError, FolderInUse, ImportError: as `RandomSearch`.

    Examples:
        >>> def build(hp):
        ...     units = hp.Choice("units", [1, 2, 4])
        ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
        ...     model.compile("sgd", "mse")
        ...     return model
        >>> x, y = np.ones((8, 2)), np.zeros((8, 1))
        >>> tuner = GridSearch(
        ...     build, "val_loss", max_trials=1, directory="searches", project_name="grid"
        ... )
        >>> tuner.search(x, y, epochs=1, validation_data=(x, y), verbose=0)
        >>> tuner.finished_trials()[0].hyperparameters.values
        {'units': 1}
    """

    oracle_class = oracles.GridSearchOracle

    def __init__(
        self,
        hypermodel,
        objective: Any = "val_accuracy",
        max_trials: int | None = None,
        **arguments,
    ):
        super().__init__(hypermodel, objective, max_trials, **arguments)


class Hyperband(CarefulTuner, keras_tuner.Hyperband):
    """Trains many networks for a few epochs, the best of them for longer, and so on.

    A network that goes on to the next round is a further trial, which starts with the weights of
    the one before.

    Args:
        hypermodel, objective: as for `RandomSearch`.
        max_epochs: of the networks that come to the last round.
        factor: by which each round has fewer networks and more epochs.
        hyperband_iterations: runs through the whole algorithm. By default 1, and without end where
            there are `max_trials`.
        max_trials: finished trials to reach. `None`: as many as `hyperband_iterations` make.
        **arguments: as for `RandomSearch`.

    Raises:
        ValueError, TypeError, RuntimeError, FolderInUse, ImportError: as `RandomSearch`.

    Source:
        Li et al., Hyperband, Journal of Machine Learning Research 18 (2018).

    Examples:
        >>> def build(hp):
        ...     units = hp.Choice("units", [1, 2, 4])
        ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
        ...     model.compile("sgd", "mse")
        ...     return model
        >>> x, y = np.ones((8, 2)), np.zeros((8, 1))
        >>> tuner = Hyperband(
        ...     build,
        ...     "val_loss",
        ...     max_epochs=2,
        ...     max_trials=1,
        ...     directory="searches",
        ...     project_name="hyperband",
        ... )
        >>> tuner.search(x, y, epochs=1, validation_data=(x, y), verbose=0)
        >>> len(tuner.finished_trials())
        1
    """

    oracle_class = oracles.HyperbandOracle

    def __init__(
        self,
        hypermodel,
        objective: Any = "val_accuracy",
        max_epochs: int = 100,
        factor: int = 3,
        hyperband_iterations: int | None = None,
        *,
        max_trials: int | None = None,
        **arguments,
    ):
        if hyperband_iterations is None and max_trials is None:
            hyperband_iterations = 1
        super().__init__(
            hypermodel,
            objective,
            max_trials,
            max_epochs=_checks.integer("max_epochs", max_epochs, 1),
            factor=_checks.integer("factor", factor, 2),
            hyperband_iterations=optional_integer("hyperband_iterations", hyperband_iterations, 1),
            **arguments,
        )
