"""What all tuners have in common."""

import contextlib
import os
import pathlib
import time
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import keras

from keras_negact._extras import require
from keras_negact.tuning.budget import Budget
from keras_negact.tuning.hyper_model import LENIHyperModel
from keras_negact.tuning.trial_record import TrialRecord

keras_tuner = require("keras_tuner", "tune")

_MOST_BEGINNINGS = 3
_IDLE_SECONDS = 0.2


class CarefulTuner(keras_tuner.Tuner):
    """A tuner whose oracle is a `CarefulOracle`: see `RandomSearch` for its arguments."""

    oracle_class: type
    needs: tuple[str, ...] = ()

    def __init__(
        self,
        hypermodel,
        objective: Any = "val_accuracy",
        max_trials: int | None = 10,
        budget: Budget | None = None,
        seed: int | None = None,
        max_failed_trials: int | None = None,
        strategy=None,
        directory: str | os.PathLike | None = None,
        project_name: str = "search",
        overwrite: bool = False,
        **oracle_arguments,
    ):
        self.require_extras()
        if max_trials is not None and max_trials < 1:
            raise ValueError(f"`max_trials` must be positive. Given: {max_trials}")
        if budget is not None and not hasattr(hypermodel, "cost"):
            raise ValueError(
                "A `budget` needs a hypermodel that knows what its networks cost, such as "
                f"LENIHyperModel. Given: {hypermodel!r}"
            )
        if max_failed_trials is None:
            max_failed_trials = max(10, max_trials or 0)
        oracle = self.oracle_class(
            allows=lambda hp: budget is None or budget.allows(hypermodel.cost(hp)),
            max_failed_trials=max_failed_trials,
            max_trials=max_trials,
            objective=objective,
            # It takes 0 for no seed at all.
            seed=None if seed is None else seed + 1,
            **oracle_arguments,
        )
        several = strategy is not None and strategy.num_replicas_in_sync > 1
        directory = os.fspath(directory or ".")
        found = pathlib.Path(directory, project_name, "oracle.json").exists() and not overwrite
        self._idle = False
        # Not super(): the tuners beside this class make oracles of their own.
        keras_tuner.Tuner.__init__(
            self,
            oracle,
            hypermodel,
            distribution_strategy=strategy if several else None,
            directory=directory,
            project_name=project_name,
            overwrite=overwrite,
        )
        if found and self._has_oracle():
            self.oracle.reload()

    @classmethod
    def require_extras(cls) -> None:
        """Fail now for what would otherwise be missing in the middle of a search.

        Raises:
            ImportError: naming what is not installed, and the extra that it comes with.
        """
        needed = cls.needs
        if keras.backend.backend() == "tensorflow":
            # keras-tuner imports it in every trial, and it does not come with TensorFlow any more.
            needed = (*needed, "tensorboard.plugins.hparams.api")
        for module in needed:
            require(module, "tune")

    def _has_oracle(self) -> bool:
        """Whether this process has the oracle itself: not on the worker of a chief."""
        return isinstance(self.oracle, keras_tuner.Oracle)

    def _populate_initial_space(self) -> None:
        if isinstance(self.hypermodel, LENIHyperModel):
            # Without building the network once for each condition in the space.
            hp = self.oracle.get_space()
            self.hypermodel.declare_hyperparameters(hp)
            self.oracle.update_space(hp)
            return
        try:
            super()._populate_initial_space()
        except keras_tuner.errors.FatalError:
            raise
        except Exception as error:
            # Trials add to the space what they find in it, those that fail as well.
            print(f"A point of the space has no network: {_in_one_line(error)}", flush=True)

    def save(self) -> None:
        """Save the oracle; the tuner itself has no state."""
        if self._has_oracle():
            self.oracle.save()

    def reload(self) -> None:
        """Reload the oracle."""
        if self._has_oracle():
            self.oracle.reload()

    def pre_create_trial(self) -> None:
        """Wait a little before asking again an oracle that had nothing to do."""
        if self._idle:
            time.sleep(_IDLE_SECONDS)
        self._idle = True

    def on_trial_begin(self, trial) -> None:
        self._idle = False
        super().on_trial_begin(trial)

    def run_trial(self, trial, *args, **kwargs):
        """Train the network of a trial; a failure is written down and ends the trial alone."""
        folder = self.get_trial_dir(trial.trial_id)
        record = TrialRecord(begun=TrialRecord.read(folder).begun + 1)
        record.write(folder)
        start = time.perf_counter()
        try:
            if record.begun > _MOST_BEGINNINGS:
                raise ChildProcessError(
                    f"its process was ended {_MOST_BEGINNINGS} times (for want of memory?)"
                )
            with _weights_alone():
                results = super().run_trial(trial, *args, **kwargs)
        except keras_tuner.errors.FatalError:
            raise
        except Exception as error:
            record.failure = _in_one_line(error)
            record.traceback = traceback.format_exc()
            results = self._no_results()
        except KeyboardInterrupt:
            TrialRecord().write(folder)
            raise
        record.begun, record.seconds = 0, time.perf_counter() - start
        record.write(folder)
        return results

    def _no_results(self) -> dict[str, float]:
        objective = self.oracle.objective
        names = [objective.name, *getattr(objective, "name_to_direction", ())]
        return dict.fromkeys(names, float("nan"))

    def finished_trials(self) -> list:
        """The trials that did not fail, the best first."""
        everything = self.oracle.get_best_trials(2**31 - 1)
        return [trial for trial in everything if trial.status == "COMPLETED"]

    def get_best_models(self, num_models: int = 1) -> list[keras.Model]:
        """The best networks, with the weights of their best epochs.

        Raises:
            RuntimeError: if no trial has finished; with the reasons.
        """
        finished = self.finished_trials()
        if not finished:
            raise RuntimeError(f"No trial has finished. {self._reasons()}")
        return [self.load_model(trial) for trial in finished[:num_models]]

    def load_model(self, trial) -> keras.Model:
        """The network of a trial, with the weights of its best epoch.

        Raises:
            FileNotFoundError: if its weights are gone.
        """
        weights = pathlib.Path(self.get_trial_dir(trial.trial_id), "checkpoint.weights.h5")
        if not weights.exists():
            failure = TrialRecord.read(weights.parent).failure
            raise FileNotFoundError(
                f"There are no weights of trial {trial.trial_id} in {weights.parent}"
                + (f", because it failed: {failure}" if failure else "")
            )
        with _weights_alone():
            model = super().load_model(trial)
        if model.compiled and model.optimizer is not None:
            # Saved without its variables, it would be loaded with a warning.
            with keras_tuner.engine.tuner.maybe_distribute(self.distribution_strategy):
                model.optimizer.build(model.trainable_variables)
        return model

    def _reasons(self) -> str:
        failures = {}
        for folder in sorted(pathlib.Path(self.project_dir).glob("trial_*")):
            if failure := TrialRecord.read(folder).failure:
                failures[failure] = failures.get(failure, 0) + 1
        told = "; ".join(f"{count} x {reason}" for reason, count in failures.items())
        return f"Failures: {told}" if told else "None has failed either."


@contextlib.contextmanager
def _weights_alone() -> Iterator[None]:
    """Without Keras's warning that a file of weights has those of an optimizer, too."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
        yield


def _in_one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".removesuffix(": ")[:500]
