"""Random search."""

from keras_negact.tuning.tuners.oracle import CarefulOracle, keras_tuner
from keras_negact.tuning.tuners.tuner import CarefulTuner


class RandomSearchOracle(CarefulOracle, keras_tuner.oracles.RandomSearchOracle):
    """keras-tuner's, with what `CarefulOracle` adds."""


class RandomSearch(CarefulTuner):
    """Tries points drawn at random, each once.

    Args:
        hypermodel: a `LENIHyperModel`, or whatever keras-tuner takes for one.
        objective: a name such as `"val_accuracy"`, or keras-tuner's `Objective`.
        max_trials: finished trials to reach. Failed ones are made up for, and points over the
            budget do not count.
        budget: the most that a network may cost. `None`: anything.
        seed: of the search. (That of training is the hypermodel's.)
        max_failed_trials: after so many failed trials no further ones are made up for. `None`: as
            many as `max_trials`, at least 10.
        strategy: the `tf.distribute` strategy to train under, see `training.make_strategy`.
        directory, project_name: where it is all kept. A search that is found there goes on.
        overwrite: whether to delete it instead.
        **oracle_arguments: of keras-tuner's oracle of the same name.

    Raises:
        ValueError: when an argument is not allowed.
        ImportError: if the extra `tune` is not installed.
    """

    oracle_class = RandomSearchOracle
