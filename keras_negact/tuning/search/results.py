"""What came of a search: its networks, a row for each trial, and which are on the Pareto front."""

import contextlib
import math
import pathlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from keras_negact import _checks
from keras_negact._table import Shown, Table
from keras_negact.tuning.search.files import damaged
from keras_negact.tuning.search.trial_record import TrialRecord
from keras_negact.tuning.space.budget import MEASURES


class SearchResults:
    """The part of a tuner that tells what came of the search; in front of keras-tuner's `Tuner`."""

    def finished_trials(self) -> list:
        """The trials that did not fail, the best first; of equal ones the earlier one."""
        everything = self.oracle.get_best_trials(2**31 - 1)
        return [trial for trial in everything if trial.status == "COMPLETED"]

    def get_best_models(self, num_models: int = 1) -> list[keras.Model]:
        """The best networks, with the weights of their best epochs.

        Raises:
            RuntimeError: if no trial has finished; with the reasons.
        """
        num_models = _checks.integer("num_models", num_models, 1)
        finished = self.finished_trials()
        if not finished:
            raise RuntimeError(f"No trial has finished. {self._reasons()}")
        return [self.load_model(trial) for trial in finished[:num_models]]

    def load_model(self, trial) -> keras.Model:
        """The network of a trial, with the weights of its best epoch.

        Raises:
            FileNotFoundError: if its weights are gone.
            RuntimeError: if they are damaged.
        """
        weights = pathlib.Path(self._get_checkpoint_fname(trial.trial_id))
        if not weights.exists():
            failure = TrialRecord.read(weights.parent).failure
            raise FileNotFoundError(
                f"There are no weights of trial {trial.trial_id} in {weights.parent}"
                + (f", because it failed: {failure}" if failure else "")
            )
        try:
            with weights_alone():
                model = super().load_model(trial)
        except (KeyError, OSError) as error:
            remedy = "Train the trial's point again, or take another trial."
            raise damaged(weights, error, remedy) from error
        if model.compiled and model.optimizer is not None:
            # Saved without its variables, it would be loaded with a warning.
            with self._scope():
                model.optimizer.build(model.trainable_variables)
        return model

    def _scope(self) -> contextlib.AbstractContextManager:
        """Where variables of networks are made."""
        strategy = self.distribution_strategy
        return contextlib.nullcontext() if strategy is None else strategy.scope()

    def _reasons(self) -> str:
        failures = {}
        for folder in sorted(pathlib.Path(self.project_dir).glob("trial_*")):
            if failure := TrialRecord.read(folder).failure:
                failures[failure] = failures.get(failure, 0) + 1
        told = "; ".join(f"{count} x {reason}" for reason, count in failures.items())
        return f"Failures: {told}" if told else "None has failed either."


@contextlib.contextmanager
def weights_alone() -> Iterator[None]:
    """Without Keras's warning that a file of weights has those of an optimizer, too."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
        yield


class TrialRows(list[dict[str, Any]], Shown):
    """The rows of a search's trials, a list of dictionaries; its representation is its table.

    Its slices, its copies and what is made of it by `+` are such lists, too.

    Examples:
        >>> rows = TrialRows([{"trial": "0", "score": 0.5}, {"trial": "1", "score": 0.25}])
        >>> rows[:1]
        trial  score
        -----  -----
        0        0.5
        >>> print(rows.to_markdown())
        | trial | score |
        | --- | ---: |
        | 0 | 0.5 |
        | 1 | 0.25 |
        <BLANKLINE>
    """

    __repr__ = Shown.__repr__

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return TrialRows(found) if isinstance(place, slice) else found

    def __add__(self, others: Any) -> "TrialRows":
        return TrialRows(super().__add__(others))

    def copy(self) -> "TrialRows":
        return TrialRows(self)

    def table(self) -> Table:
        """A row for each trial."""
        headings = tuple(dict.fromkeys(name for row in self for name in row)) or ("trial",)
        numbers = frozenset(
            i for i, name in enumerate(headings) if any(_is_number(row.get(name)) for row in self)
        )
        rows = [tuple(_cell(row.get(name)) for name in headings) for row in self]
        return Table(headings, rows, numbers).without_empty_columns()

    def records(self) -> list[dict[str, Any]]:
        """The rows themselves."""
        return list(self)


def trial_rows(tuner) -> TrialRows:
    """A row for each trial of a search, the best first, the failed ones last.

    Args:
        tuner: a tuner of this package, with any hypermodel.

    Returns:
        A list, shown as a table, of dictionaries with `trial` (keras-tuner's number of it, as in
        the name of its folder), `status`, `score`, `seconds`, `failure`, and the values of all
        hyperparameters. Where the hypermodel knows what its networks cost, as `LENIHyperModel`
        does, also `parameters`, `multiply_adds`, `relative_parameters` and
        `relative_multiply_adds` (against the network without the block).

    Raises:
        ValueError: for anything but a tuner of this package.

    Examples:
        >>> def build(hp):
        ...     units = hp.Choice("units", [1, 2, 4])
        ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
        ...     model.compile("sgd", "mse")
        ...     return model
        >>> x, y = np.ones((8, 2)), np.zeros((8, 1))
        >>> tuner = RandomSearch(
        ...     build, "val_loss", max_trials=1, directory="searches", project_name="rows"
        ... )
        >>> tuner.search(x, y, epochs=1, validation_data=(x, y), verbose=0)
        >>> [(row["trial"], row["status"]) for row in trial_rows(tuner)]
        [('0', 'COMPLETED')]
    """
    if not isinstance(tuner, SearchResults):
        raise _checks.refused("tuner", "a tuner of keras_negact.tuning", tuner)
    failed = [trial for trial in tuner.oracle.trials.values() if trial.status == "FAILED"]
    return TrialRows(_row(tuner, trial) for trial in [*tuner.finished_trials(), *failed])


def pareto_front(rows: Sequence[dict[str, Any]], cost: str) -> TrialRows:
    """The finished rows that no other one beats in score without costing more, the cheapest first.

    Args:
        rows: those of `trial_rows`, of a score that is to be large.
        cost: the name of the column with the cost.

    Raises:
        ValueError: if the rows are not such, or have no such column.

    Examples:
        >>> rows = [
        ...     {"status": "COMPLETED", "score": 0.90, "parameters": 100},
        ...     {"status": "COMPLETED", "score": 0.89, "parameters": 150},
        ...     {"status": "COMPLETED", "score": 0.92, "parameters": 200},
        ... ]
        >>> [row["score"] for row in pareto_front(rows, "parameters")]
        [0.9, 0.92]
    """
    if not isinstance(rows, Sequence) or not all(isinstance(row, dict) for row in rows):
        raise _checks.refused("rows", "what `trial_rows` returns", rows)
    finished = [row for row in rows if row.get("status") == "COMPLETED"]
    named = (finished or [{}])[0]
    numbers = [x for x in named if all(_is_number(row.get(x)) for row in finished)]
    if not isinstance(cost, str) or (finished and cost not in numbers):
        raise _checks.refused("cost", f"the name of a column of numbers ({numbers})", cost)
    front, best = TrialRows(), -math.inf
    for row in sorted(finished, key=lambda row: (row[cost], -row["score"])):
        if row["score"] > best:
            front.append(row)
            best = row["score"]
    return front


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _row(tuner, trial) -> dict[str, Any]:
    record = TrialRecord.read(tuner.get_trial_dir(trial.trial_id))
    is_completed = trial.status == "COMPLETED"
    return {
        "trial": trial.trial_id,
        "status": trial.status,
        "score": float(trial.score) if is_completed else None,
        **_costs(tuner.hypermodel, trial),
        "seconds": record.seconds,
        "failure": record.failure or ("" if is_completed else trial.message or ""),
        **trial.hyperparameters.values,
    }


def _costs(hypermodel, trial) -> dict[str, float | None]:
    if not hasattr(hypermodel, "cost"):
        return {}
    names = [*MEASURES, *(f"relative_{measure}" for measure in MEASURES)]
    if not trial.hyperparameters.values:
        # Its file is damaged.
        return dict.fromkeys(names)
    cost = hypermodel.cost(trial.hyperparameters)
    values = [getattr(cost, measure) for measure in MEASURES]
    return dict(zip(names, [*values, *(cost.relative[one] for one in MEASURES)], strict=True))
