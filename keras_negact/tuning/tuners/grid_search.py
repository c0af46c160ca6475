"""Grid search."""

import functools

from keras_negact.tuning.tuners.oracle import CarefulOracle, keras_tuner
from keras_negact.tuning.tuners.tuner import CarefulTuner


class GridSearchOracle(CarefulOracle, keras_tuner.oracles.GridSearchOracle):
    """keras-tuner's, with what `CarefulOracle` adds, and a place in the grid that is resumed."""

    def populate_space(self, trial_id):
        response = super().populate_space(trial_id)
        values = response["values"]
        if values is None or self.is_allowed(values):
            return response
        # The grid's first point is the only one that has not come through `_get_next_combination`.
        values = self._get_next_combination(values)
        return {"status": "STOPPED" if values is None else "RUNNING", "values": values}

    def _get_next_combination(self, values):
        values = super()._get_next_combination(values)
        while values is not None and not self.is_allowed(values):
            values = super()._get_next_combination(values)
        return values

    def reload(self) -> None:
        super().reload()
        # keras-tuner does not save these two: a resumed search would be at its end.
        self._ordered_ids = type(self._ordered_ids)()
        for trial_id in sorted(self.trials, key=functools.cmp_to_key(self._compare_trials)):
            self._ordered_ids.insert(trial_id)
        self._populate_next = list(self.start_order)

    def _compare_trials(self, first: str, second: str) -> int:
        values = [self.trials[key].hyperparameters.values for key in (first, second)]
        return self._compare(*values)


class GridSearch(CarefulTuner):
    """Tries the points of the space one after the other, the last hyperparameter varied first.

    Hyperparameters that are continuous have ten values each.

    Args:
        hypermodel, objective, budget, seed, max_failed_trials, strategy, directory, project_name,
            overwrite: as for `RandomSearch`.
        max_trials: finished trials to reach. `None`: the whole grid.

    Raises:
        ValueError, ImportError: as `RandomSearch`.
    """

    oracle_class = GridSearchOracle

    def __init__(self, hypermodel, *, max_trials: int | None = None, **arguments):
        super().__init__(hypermodel, max_trials=max_trials, **arguments)
