"""A tuner of keras-tuner with a budget, failures that are told, and whole files."""

import contextlib
import os
import pathlib
import time
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import keras

from keras_negact import _checks
from keras_negact._extras import require
from keras_negact._new_models import new_models
from keras_negact._ownership import owned
from keras_negact.training.state import random_state_kept
from keras_negact.tuning._keras_tuner import keras_tuner
from keras_negact.tuning.finite_loss import RefuseNanLoss
from keras_negact.tuning.search.arguments import (
    check_hypermodel,
    objective_of,
    of_tuner_and_oracle,
    optional_integer,
    optional_strategy,
)
from keras_negact.tuning.search.disk_space import CheckDiskSpace, check_disk_space
from keras_negact.tuning.search.files import (
    check_is_there,
    has_ended_trials,
    identity,
    refuse_another_search,
    write_identity,
)
from keras_negact.tuning.search.processes import (
    is_worker,
    prepare_chief_address,
    tell_who_reaches_chief,
)
from keras_negact.tuning.search.results import SearchResults, weights_alone
from keras_negact.tuning.search.trial_logs import check_objectives, check_results
from keras_negact.tuning.search.trial_record import TrialRecord
from keras_negact.tuning.space.budget import Budget
from keras_negact.tuning.space.hyper_model import LENIHyperModel

_MOST_BEGINNINGS = 3
_IDLE_SECONDS = 0.2


class CarefulTuner(SearchResults, keras_tuner.Tuner):
    """A tuner whose oracle is a `CarefulOracle`: see `RandomSearch` for its arguments."""

    oracle_class: type
    needs: tuple[str, ...] = ()

    def __init__(
        self,
        hypermodel,
        objective: Any = "val_accuracy",
        max_trials: int | None = 10,
        *,
        budget: Budget | None = None,
        seed: int | None = None,
        executions_per_trial: int = 1,
        max_retries_per_trial: int = 0,
        max_failed_trials: int | None = None,
        strategy=None,
        directory: str | os.PathLike | None = None,
        project_name: str = "search",
        overwrite: bool = False,
        **of_keras_tuner,
    ):
        self._require_extras()
        of_tuner, of_oracle = of_tuner_and_oracle(type(self), of_keras_tuner)
        check_hypermodel(hypermodel, budget)
        max_trials = optional_integer("max_trials", max_trials, 1)
        seed = optional_integer("seed", seed, 0)
        max_failed_trials = optional_integer("max_failed_trials", max_failed_trials, 0)
        if max_failed_trials is None:
            max_failed_trials = max(10, max_trials or 0)
        strategy = optional_strategy(strategy)
        several = strategy is not None and strategy.num_replicas_in_sync > 1
        executions_per_trial = _checks.integer("executions_per_trial", executions_per_trial, 1)
        retries = _checks.integer("max_retries_per_trial", max_retries_per_trial, 0)
        project_name = _checks.file_name("project_name", project_name)
        # A worker would delete what its chief has written.
        overwrite = _checks.flag("overwrite", overwrite) and not is_worker()
        oracle = self.oracle_class(
            allows=lambda hp: budget is None or budget.allows(hypermodel.cost(hp)),
            max_failed_trials=max_failed_trials,
            max_trials=max_trials,
            first_points=getattr(hypermodel, "first_points", ()),
            objective=objective_of(objective),
            # It takes 0 for no seed at all.
            seed=None if seed is None else seed + 1,
            max_retries_per_trial=retries,
            **of_oracle,
        )
        directory = _checks.writable_folder("directory", "." if directory is None else directory)
        prepare_chief_address()
        self._idle = False
        with _owned_if(overwrite, directory / project_name):
            # Not super(): the tuners beside this class make oracles of their own.
            keras_tuner.Tuner.__init__(
                self,
                oracle,
                hypermodel,
                executions_per_trial=executions_per_trial,
                distribution_strategy=strategy if several else None,
                directory=os.fspath(directory),
                project_name=project_name,
                overwrite=overwrite,
                **of_tuner,
            )
        if self._has_oracle():
            self._about = identity(self, oracle.get_space().get_config()["space"])
            self._take_what_is_there()

    @classmethod
    def _require_extras(cls) -> None:
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

    def _take_what_is_there(self) -> None:
        folder = pathlib.Path(self.project_dir)
        if not ((folder / "oracle.json").exists() or has_ended_trials(folder)):
            return
        found = self.oracle.read_state()
        space, has_scores = found["hyperparameters"]["space"], bool(found["end_order"])
        refuse_another_search(folder, self._about, space, has_scores)
        self.oracle.reload()

    def search(self, *fit_args, verbose: str | int = 1, **fit_kwargs) -> None:
        """Search, as keras-tuner does, or go on with the search that is in the folder.

        Args:
            *fit_args, **fit_kwargs: of the hypermodel's `fit`: data, `epochs`, ...
            verbose: 0: silent. 1, or `"auto"`: a line when a trial begins and when it ends. 2:
                Keras's lines too.

        Raises:
            FolderInUse: if another process searches in the folder.
            FatalError: keras-tuner's, for what would fail in all trials alike, such as an
                objective that is not logged, or a full disk.
        """
        verbose = _checks.verbosity(verbose)
        fit_kwargs["verbose"] = 2 if verbose == 2 else 0
        if not self._has_oracle():
            with new_models():
                super().search(*fit_args, **fit_kwargs)
            return
        self.oracle.talks = verbose != 0
        with owned(self.project_dir), new_models():
            # Another process may have searched here since this one was made.
            self._take_what_is_there()
            self._check_objectives(fit_args, fit_kwargs)
            write_identity(pathlib.Path(self.project_dir), self._about)
            if self.oracle.talks:
                tell_who_reaches_chief()
            super().search(*fit_args, **fit_kwargs)

    def _check_objectives(self, fit_args: tuple, fit_kwargs: dict) -> None:
        """End the search before its first trial if none would log the objective."""
        trains_as_keras = type(self.hypermodel).fit in (
            keras_tuner.HyperModel.fit,
            LENIHyperModel.fit,
        )
        compiled_here = any((self.optimizer, self.loss, self.metrics))
        if self.oracle.end_order or not trains_as_keras or compiled_here:
            return
        try:
            with random_state_kept(), self._scope():
                model = self.hypermodel.build(self.oracle.get_space())
                check_objectives(self._objective_names(), model, fit_args, fit_kwargs)
        except keras_tuner.errors.FatalError:
            raise
        except Exception:
            # What else is wrong the trials tell, one by one: other points may be right.
            return

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
            warnings.warn(
                f"A point of the space has no network: {_in_one_line(error)}", stacklevel=2
            )

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
        self._check_is_there()
        folder = self.get_trial_dir(trial.trial_id)
        check_disk_space(folder)
        record = TrialRecord(begun=TrialRecord.read(folder).begun + 1)
        record.write(folder)
        start = time.perf_counter()
        self.hypermodel.execution = 0
        # In front: neither is to come to the callbacks behind, which save weights.
        checks = [RefuseNanLoss(), CheckDiskSpace(folder)]
        kwargs["callbacks"] = [*checks, *(kwargs.get("callbacks") or [])]
        try:
            if record.begun > _MOST_BEGINNINGS:
                raise ChildProcessError(
                    f"its process was ended {_MOST_BEGINNINGS} times (for want of memory?)"
                )
            with weights_alone():
                results = super().run_trial(trial, *args, **kwargs)
            check_results(results, self._objective_names())
        except (keras_tuner.errors.FatalError, KeyboardInterrupt):
            # A full disk may be what has ended it.
            with contextlib.suppress(OSError):
                TrialRecord().write(folder)
            raise
        except Exception as error:
            record.failure = _in_one_line(error)
            record.traceback = traceback.format_exc()
            results = dict.fromkeys(self._objective_names(), float("nan"))
        finally:
            self.hypermodel.execution = None
        self._check_is_there()
        record.begun, record.seconds = 0, time.perf_counter() - start
        record.write(folder)
        return results

    def _check_is_there(self) -> None:
        # A worker of a chief on another machine need not see its folder.
        if self._has_oracle():
            check_is_there(pathlib.Path(self.project_dir))

    def _objective_names(self) -> list[str]:
        objective = self.oracle.objective
        several = getattr(objective, "name_to_direction", None)
        return [objective.name] if several is None else [*several]


@contextlib.contextmanager
def _owned_if(wanted: bool, folder: pathlib.Path) -> Iterator[None]:
    if wanted and folder.is_dir():
        with owned(folder):
            yield
    else:
        yield


def _in_one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".removesuffix(": ")[:500]
