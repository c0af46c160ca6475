"""What the oracles of all tuners have in common."""

import json
import pathlib
import sys
from collections.abc import Callable

from keras_negact._extras import require
from keras_negact.tuning.trial_record import TrialRecord, replace_text

keras_tuner = require("keras_tuner", "tune")

# The budget, whole files and resuming hang on names that keras-tuner (1.4) does not make public.
# Were one of them gone, they would silently do nothing.
_OVERRIDDEN = ("_random_values", "_save_trial", "_compute_values_hash", "_get_trial_dir")
if missing := [name for name in _OVERRIDDEN if not hasattr(keras_tuner.Oracle, name)]:
    raise ImportError(f"This needs keras-tuner 1.4: this one has no Oracle.{missing[0]}")

# After so many that are not allowed, the space counts as exhausted.
_MOST_DRAWS = 1_000


class CarefulOracle:
    """Goes in front of one of keras-tuner's oracles.

    Points that are not allowed are drawn again before they become trials. Failed trials are told
    with their reason, are made up for by further ones, and do not end the search. The files on disk
    are whole at any time, and what they say is right after a kill at any time.

    Args:
        allows: whether a point of the space, given as `HyperParameters`, may become a trial.
        max_failed_trials: after so many failed trials no further ones are made up for.
        max_trials: finished trials to reach.
        **arguments: of the oracle.
    """

    def __init__(
        self,
        allows: Callable[..., bool],
        max_failed_trials: int,
        max_trials: int | None,
        **arguments,
    ):
        super().__init__(max_consecutive_failed_trials=sys.maxsize, **arguments)
        self.max_trials = self.wanted_trials = max_trials
        self.max_failed_trials = max_failed_trials
        self._allows = allows
        self._rejected: set[str] = set()
        keras_tuner.Oracle.verbose.fset(self, 0)

    @property
    def verbose(self) -> int:
        """Of keras-tuner's own display, which is off: the lines here take its place."""
        return 0

    @verbose.setter
    def verbose(self, value) -> None:
        pass

    @property
    def rejected_points(self) -> int:
        """How many points of the space were drawn that are not allowed."""
        return len(self._rejected)

    def is_allowed(self, values: dict) -> bool:
        """Whether a point may become a trial; counts it if not."""
        key = self._compute_values_hash(values)
        if key in self._rejected:
            return False
        point = self.hyperparameters.copy()
        point.values = dict(values)
        if self._allows(point):
            return True
        self._rejected.add(key)
        return False

    def _random_values(self):
        for _ in range(_MOST_DRAWS):
            values = super()._random_values()
            if values is None or self.is_allowed(values):
                return values
        return None

    @keras_tuner.synchronized
    def create_trial(self, tuner_id):
        if self.wanted_trials is not None:
            failed = sum(trial.status == "FAILED" for trial in self.trials.values())
            self.max_trials = self.wanted_trials + min(failed, self.max_failed_trials)
        trial = super().create_trial(tuner_id)
        if trial.status == "RUNNING":
            self._say(trial, f"begins: {describe(trial.hyperparameters.values)}")
        return trial

    @keras_tuner.synchronized
    def update_trial(self, trial_id, metrics, step=0):
        if self._record_of(trial_id).failure:
            # What is not a number would spoil the score of another try.
            return self.trials[trial_id]
        return super().update_trial(trial_id, metrics, step)

    def score_trial(self, trial) -> None:
        if self._record_of(trial.trial_id).failure:
            # The oracle takes a trial without a score for a failed one.
            trial.score = float("nan")
        else:
            super().score_trial(trial)

    @keras_tuner.synchronized
    def end_trial(self, trial):
        record = self._record_of(trial.trial_id)
        trial.message = record.traceback or None
        super().end_trial(trial)
        self._say(self.trials[trial.trial_id], self._how_it_ended(trial.trial_id, record))

    def _record_of(self, trial_id: str) -> TrialRecord:
        return TrialRecord.read(self._get_trial_dir(trial_id))

    def _how_it_ended(self, trial_id: str, record: TrialRecord) -> str:
        trial = self.trials[trial_id]
        if trial.status != "COMPLETED":
            return f"failed: {record.failure or 'its score is not a number'}"
        best = self.get_best_trials()[0]
        seconds = "" if record.seconds is None else f" in {record.seconds:.0f} s"
        rejected = f"; {len(self._rejected)} points over the budget" if self._rejected else ""
        return (
            f"has {self.objective.name} {trial.score:.4f}{seconds} "
            f"(best: {best.score:.4f} in trial {_number(best)}{rejected})"
        )

    def _say(self, trial, what: str) -> None:
        of = f" of {self.wanted_trials}" if self.wanted_trials is not None else ""
        print(f"Trial {_number(trial)}{of} {what}", flush=True)

    def get_state(self) -> dict:
        return {**super().get_state(), "rejected": sorted(self._rejected)}

    def set_state(self, state: dict) -> None:
        super().set_state(state)
        self._rejected = set(state["rejected"])

    def save(self) -> None:
        folder = pathlib.Path(self._project_dir)
        replace_text(folder / "oracle.json", json.dumps(self.get_state()))

    def _save_trial(self, trial) -> None:
        folder = pathlib.Path(self._get_trial_dir(trial.trial_id))
        replace_text(folder / "trial.json", json.dumps(trial.get_state()))

    def reload(self) -> None:
        super().reload()
        # The trial's file is written before the oracle's: a kill may have come in between.
        begun = set(self.start_order)
        self.trials = {key: trial for key, trial in self.trials.items() if key in begun}
        for trial_id, trial in self.trials.items():
            if trial.status in ("COMPLETED", "FAILED"):
                if trial_id in self._retry_queue:
                    self._retry_queue.remove(trial_id)
                if trial_id not in self.end_order:
                    self.end_order.append(trial_id)


def describe(values: dict) -> str:
    """The values of hyperparameters in one line."""
    shown = []
    for name, value in values.items():
        if name in ("tuner/bracket", "tuner/round", "tuner/initial_epoch", "tuner/trial_id"):
            continue
        value = f"{value:.4g}" if isinstance(value, float) else value
        shown.append(f"{name.rsplit('/', 1)[-1]} {value}")
    return ", ".join(shown)


def _number(trial) -> int:
    return int(trial.trial_id) + 1
