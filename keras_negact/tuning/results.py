"""What came of a search: a row for each trial, and which of them are on the Pareto front."""

import math
from collections.abc import Sequence
from typing import Any

from keras_negact.tuning.trial_record import TrialRecord


def trial_rows(tuner) -> list[dict[str, Any]]:
    """A row for each trial of a search, the best first, the failed ones last.

    Args:
        tuner: a tuner of this package, whose hypermodel knows what its networks cost.

    Returns:
        Dictionaries with `trial` (from 1), `status`, `score`, `parameters`, `multiply_adds`,
        `relative_parameters` and `relative_multiply_adds` (against the network without the block),
        `seconds`, `failure`, and the values of all hyperparameters.
    """
    failed = [trial for trial in tuner.oracle.trials.values() if trial.status == "FAILED"]
    return [_row(tuner, trial) for trial in [*tuner.finished_trials(), *failed]]


def pareto_front(rows: Sequence[dict[str, Any]], cost: str) -> list[dict[str, Any]]:
    """The finished rows that no other one beats in score without costing more, the cheapest first.

    Args:
        rows: those of `trial_rows`, of a score that is to be large.
        cost: the name of the column with the cost.
    """
    front, best = [], -math.inf
    finished = [row for row in rows if row["status"] == "COMPLETED"]
    for row in sorted(finished, key=lambda row: (row[cost], -row["score"])):
        if row["score"] > best:
            front.append(row)
            best = row["score"]
    return front


def _row(tuner, trial) -> dict[str, Any]:
    record = TrialRecord.read(tuner.get_trial_dir(trial.trial_id))
    cost = tuner.hypermodel.cost(trial.hyperparameters)
    completed = trial.status == "COMPLETED"
    return {
        "trial": int(trial.trial_id) + 1,
        "status": trial.status,
        "score": trial.score if completed else None,
        "parameters": cost.parameters,
        "multiply_adds": cost.multiply_adds,
        "relative_parameters": cost.relative["parameters"],
        "relative_multiply_adds": cost.relative["multiply_adds"],
        "seconds": record.seconds,
        "failure": record.failure,
        **trial.hyperparameters.values,
    }
