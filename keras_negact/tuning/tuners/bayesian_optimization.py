"""Bayesian optimization."""

import itertools
import warnings

import numpy as np

from keras_negact.tuning.tuners.oracle import CarefulOracle, keras_tuner
from keras_negact.tuning.tuners.tuner import CarefulTuner

_CANDIDATES = 100


class BayesianOptimizationOracle(CarefulOracle, keras_tuner.oracles.BayesianOptimizationOracle):
    """keras-tuner's, with what `CarefulOracle` adds, and no point tried twice."""

    def populate_space(self, trial_id):
        with warnings.catch_warnings():
            # Of the Gaussian process, whose fit to a handful of trials is never sharp.
            warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
            response = super().populate_space(trial_id)
        values = response["values"]
        if values is None or (self.is_allowed(values) and not self._duplicate(values)):
            return response
        values = self._best_of_random_points()
        return {"status": "STOPPED" if values is None else "RUNNING", "values": values}

    def _best_of_random_points(self) -> dict | None:
        """By the lower confidence bound, as the optimum over the whole space was found."""
        drawn = (self._random_values() for _ in range(_CANDIDATES))
        candidates = list(itertools.takewhile(lambda values: values is not None, drawn))
        if not candidates:
            return None
        vectors = np.array([self._vector(values) for values in candidates])
        mean, deviation = self.gpr.predict(vectors, return_std=True)
        return candidates[int(np.argmin(mean - self.beta * deviation))]

    def _vector(self, values: dict) -> list[float]:
        return [
            parameter.value_to_prob(values.get(parameter.name, parameter.default))
            for parameter in self._nonfixed_space()
        ]


class BayesianOptimization(CarefulTuner):
    """Tries the points of which a Gaussian process, fitted to the trials so far, hopes most.

    Args:
        hypermodel, objective, max_trials, budget, seed, max_failed_trials, strategy, directory,
            project_name, overwrite: as for `RandomSearch`.
        **oracle_arguments: `num_initial_points` (random ones, before the process is fitted; by
            default three times the number of hyperparameters), `alpha` and `beta`, as for
            keras-tuner's `BayesianOptimization`.

    Raises:
        ValueError, ImportError: as `RandomSearch`.
    """

    oracle_class = BayesianOptimizationOracle
    needs = ("scipy.optimize", "sklearn.gaussian_process")
