"""Hyperband."""

from keras_negact.tuning.tuners.oracle import CarefulOracle, keras_tuner
from keras_negact.tuning.tuners.tuner import CarefulTuner


class HyperbandOracle(CarefulOracle, keras_tuner.oracles.HyperbandOracle):
    """keras-tuner's, with what `CarefulOracle` adds, and replaced failures."""

    @keras_tuner.synchronized
    def end_trial(self, trial):
        super().end_trial(trial)
        if self.trials[trial.trial_id].status == "FAILED":
            self._free_place_of(trial.trial_id)

    def _free_place_of(self, trial_id: str) -> None:
        # A bracket goes on when enough of its first round have finished: failed ones never would.
        for bracket in self._brackets:
            rounds = bracket["rounds"]
            rounds[0] = [place for place in rounds[0] if place["id"] != trial_id]
        self.save()


class Hyperband(CarefulTuner, keras_tuner.Hyperband):
    """Trains many networks for a few epochs, the best of them for longer, and so on.

    A network that goes on to the next round is a further trial, which starts with the weights of
    the one before.

    Args:
        hypermodel, objective, budget, seed, max_failed_trials, strategy, directory, project_name,
            overwrite: as for `RandomSearch`.
        max_trials: finished trials to reach. `None`: as many as `hyperband_iterations` make.
        max_epochs: of the networks that come to the last round.
        factor: by which each round has fewer networks and more epochs.
        hyperband_iterations: runs through the whole algorithm. By default 1, and without end where
            there are `max_trials`.

    Raises:
        ValueError, ImportError: as `RandomSearch`.

    Source:
        Li et al., Hyperband, Journal of Machine Learning Research 18 (2018).
    """

    oracle_class = HyperbandOracle

    def __init__(
        self,
        hypermodel,
        *,
        max_trials: int | None = None,
        max_epochs: int = 100,
        factor: int = 3,
        hyperband_iterations: int | None = None,
        **arguments,
    ):
        if hyperband_iterations is None and max_trials is None:
            hyperband_iterations = 1
        super().__init__(
            hypermodel,
            max_trials=max_trials,
            max_epochs=max_epochs,
            factor=factor,
            hyperband_iterations=hyperband_iterations,
            **arguments,
        )
