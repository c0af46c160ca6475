"""keras-tuner's four oracles, with a budget, failures that are told, and whole files."""

import copy
import functools
import itertools
import json
import math
import pathlib
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_negact.tuning._keras_tuner import keras_tuner
from keras_negact.tuning.search.files import DAMAGE, damaged, read_json, replace_text
from keras_negact.tuning.search.trial_record import TrialRecord

# After so many that are not allowed, the space counts as exhausted.
_MOST_DRAWS = 1_000
_CANDIDATES = 100
_ORACLE_FILE = {
    "ongoing_trials": dict,
    "hyperparameters": dict,
    "start_order": list,
    "end_order": list,
    "run_times": dict,
    "retry_queue": list,
    "seed": int,
    "seed_state": int,
    "tried_so_far": list,
    "id_to_hash": dict,
    "display": dict,
    "rejected": list,
}
_TRIAL_FILE = {"trial_id": str, "hyperparameters": dict, "metrics": dict, "status": str}
_OTHER_FOLDER = "Put back a copy of it, or search in another `directory`."


class CarefulOracle:
    """Goes in front of one of keras-tuner's oracles.

    Points that are not allowed are drawn again before they become trials. Failed trials are told
    with their reason, are made up for by further ones, and do not end the search. The files on disk
    are whole at any time, and what they say is right after a kill at any time.

    Args:
        allows: whether a point of the space, given as `HyperParameters`, may become a trial.
        max_failed_trials: after so many failed trials no further ones are made up for.
        max_trials: finished trials to reach.
        first_points: those to begin with: values of some hyperparameters, beside the defaults of
            the others.
        **arguments: of the oracle.

    Attributes:
        talks: whether to print a line when a trial begins and when it ends.
    """

    talks = True

    def __init__(
        self,
        allows: Callable[..., bool],
        max_failed_trials: int,
        max_trials: int | None,
        first_points: Sequence[dict[str, Any]] = (),
        **arguments,
    ):
        super().__init__(max_consecutive_failed_trials=sys.maxsize, **arguments)
        self.max_trials = self.wanted_trials = max_trials
        self.max_failed_trials = max_failed_trials
        self.first_points = first_points
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

    def next_first_point(self) -> dict | None:
        """The first of the points to begin with that was not tried yet and is allowed."""
        for chosen in self.first_points:
            values = self._with_defaults(chosen)
            if values is not None and not self._duplicate(values) and self.is_allowed(values):
                return values
        return None

    def _with_defaults(self, chosen: dict) -> dict | None:
        point = keras_tuner.HyperParameters()
        for one in self.hyperparameters.space:
            point.merge([one])
            if point.is_active(one):
                value = chosen.get(one.name, one.default)
                if one.name in chosen and value not in one.values:
                    # A space of the user's own does not have it.
                    return None
                point.values[one.name] = value
        return point.values

    def _random_values(self):
        values = self.next_first_point()
        if values is not None:
            return values
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
        self._say(trial, self._how_it_ended(trial.trial_id, record))

    def _say(self, trial, what: str) -> None:
        if self.talks:
            print(f"Trial {trial.trial_id} {what}", flush=True)

    def _record_of(self, trial_id: str) -> TrialRecord:
        return TrialRecord.read(self._get_trial_dir(trial_id))

    def _how_it_ended(self, trial_id: str, record: TrialRecord) -> str:
        trial = self.trials[trial_id]
        if trial.status != "COMPLETED":
            return f"failed: {record.failure or 'its score is not a number'}"
        finished = sum(one.status == "COMPLETED" for one in self.trials.values())
        of = "" if self.wanted_trials is None else f" of {self.wanted_trials}"
        seconds = "" if record.seconds is None else f" in {record.seconds:.0f} s"
        rejected = f"; {len(self._rejected)} points over the budget" if self._rejected else ""
        best = self.get_best_trials()[0]
        return (
            f"has {self.objective.name} {trial.score:.4f}{seconds} ({finished}{of} finished; "
            f"best: {best.score:.4f} in trial {best.trial_id}{rejected})"
        )

    def get_state(self) -> dict:
        return {**super().get_state(), "rejected": sorted(self._rejected)}

    def set_state(self, state: dict) -> None:
        super().set_state(state)
        self._rejected = set(state["rejected"])

    def save(self) -> None:
        replace_text(pathlib.Path(self._get_oracle_fname()), json.dumps(self.get_state()))

    def _save_trial(self, trial) -> None:
        folder = pathlib.Path(self._get_trial_dir(trial.trial_id))
        replace_text(folder / "trial.json", json.dumps(trial.get_state()))

    def read_state(self) -> dict:
        """What the oracle's file says.

        Raises:
            RuntimeError: if it is damaged.
        """
        path = pathlib.Path(self._get_oracle_fname())
        state = read_json(path, _ORACLE_FILE, _OTHER_FOLDER)
        try:
            # A copy, since keras-tuner puts objects into what it is given.
            keras_tuner.HyperParameters.from_config(copy.deepcopy(state["hyperparameters"]))
        except DAMAGE as error:
            raise damaged(path, error, _OTHER_FOLDER) from error
        return state

    def reload(self) -> None:
        """Take the state from the files.

        A trial whose file is damaged counts as a failed one, which another one makes up for.

        Raises:
            RuntimeError: if the oracle's own file is damaged.
        """
        path, state = self._get_oracle_fname(), self.read_state()
        try:
            # In this order, so that of equal scores the earlier trial's stays the better one. A
            # trial's file is written before the oracle's, so there may be one more, which a kill
            # came after.
            self.trials = {
                trial_id: self._read_trial(trial_id) for trial_id in state["start_order"]
            }
            self.set_state(state)
        except DAMAGE as error:
            raise damaged(path, error, _OTHER_FOLDER) from error
        self._retry_queue += [trial.trial_id for trial in self.ongoing_trials.values()]
        self.ongoing_trials = {}
        for trial_id, trial in self.trials.items():
            if trial.status in ("COMPLETED", "FAILED"):
                if trial_id in self._retry_queue:
                    self._retry_queue.remove(trial_id)
                if trial_id not in self.end_order:
                    self.end_order.append(trial_id)

    def _read_trial(self, trial_id: str):
        path = pathlib.Path(self._get_trial_dir(trial_id), "trial.json")
        remedy = "The trial counts as failed, and another one is made in its place."
        try:
            state = read_json(path, _TRIAL_FILE, remedy)
            try:
                trial = keras_tuner.engine.trial.Trial.from_state(state)
                if trial.status == "COMPLETED" and not math.isfinite(trial.score):
                    raise ValueError(f"a finished trial with the score {trial.score}")
                return trial
            except DAMAGE as error:
                raise damaged(path, error, remedy) from error
        except RuntimeError as error:
            warnings.warn(str(error), stacklevel=4)
            trial = keras_tuner.engine.trial.Trial(self.hyperparameters.copy(), trial_id, "FAILED")
            trial.hyperparameters.values = {}
            trial.message = str(error)
            return trial


class RandomSearchOracle(CarefulOracle, keras_tuner.oracles.RandomSearchOracle):
    """keras-tuner's, with what `CarefulOracle` adds."""


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
        return _response(self._best_of_random_points())

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


class GridSearchOracle(CarefulOracle, keras_tuner.oracles.GridSearchOracle):
    """keras-tuner's, with what `CarefulOracle` adds, and a place in the grid that is resumed."""

    def populate_space(self, trial_id):
        first = self.next_first_point() if self.start_order else None
        if first is not None:
            # The grid's first point is the only one that may be without a smaller one before it.
            smaller = [key for key in self._in_order() if self._compare_to(key, first) < 0]
            self._ordered_ids.insert(trial_id, smaller[-1] if smaller else None)
            return _response(first)
        response = super().populate_space(trial_id)
        values = response["values"]
        if values is None or self.is_allowed(values):
            return response
        # The grid's first point is the only one that has not come through `_get_next_combination`.
        return _response(self._get_next_combination(values))

    def _get_next_combination(self, values):
        values = super()._get_next_combination(values)
        while values is not None and not self.is_allowed(values):
            values = super()._get_next_combination(values)
        return values

    def reload(self) -> None:
        super().reload()
        # keras-tuner does not save these two: a resumed search would be at its end.
        self._ordered_ids = type(self._ordered_ids)()
        for trial_id in self._in_order():
            self._ordered_ids.insert(trial_id)
        self._populate_next = [key for key in self.start_order if self._values_of(key)]

    def _in_order(self) -> list[str]:
        known = [key for key in self.trials if self._values_of(key)]
        order = functools.cmp_to_key(lambda key, to: self._compare_to(key, self._values_of(to)))
        return sorted(known, key=order)

    def _compare_to(self, trial_id: str, values: dict) -> int:
        return self._compare(self._values_of(trial_id), values)

    def _values_of(self, trial_id: str) -> dict:
        """Empty for a trial whose file was damaged."""
        return self.trials[trial_id].hyperparameters.values


class HyperbandOracle(CarefulOracle, keras_tuner.oracles.HyperbandOracle):
    """keras-tuner's, with what `CarefulOracle` adds, and replaced failures."""

    @keras_tuner.synchronized
    def end_trial(self, trial):
        super().end_trial(trial)
        if self.trials[trial.trial_id].status == "FAILED":
            self._free_places_of_failed()
            self.save()

    def reload(self) -> None:
        super().reload()
        self._free_places_of_failed()

    def _free_places_of_failed(self) -> None:
        # A bracket goes on when enough of its first round have finished: failed ones never would.
        for bracket in self._brackets:
            rounds = bracket["rounds"]
            rounds[0] = [place for place in rounds[0] if not self._has_failed(place["id"])]

    def _has_failed(self, trial_id: str) -> bool:
        return trial_id not in self.trials or self.trials[trial_id].status == "FAILED"


def _response(values: dict | None) -> dict:
    return {"status": "STOPPED" if values is None else "RUNNING", "values": values}


def describe(values: dict) -> str:
    """The values of hyperparameters in one line."""
    shown = []
    for name, value in values.items():
        if name in ("tuner/bracket", "tuner/round", "tuner/initial_epoch", "tuner/trial_id"):
            continue
        value = f"{value:.4g}" if isinstance(value, float) else value
        shown.append(f"{name.rsplit('/', 1)[-1]} {value}")
    return ", ".join(shown)
