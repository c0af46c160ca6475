"""One training run: where it stands, what it saves, and how it goes on after an interruption."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any, Protocol

import keras
import numpy as np

from keras_negact.training import state
from keras_negact.training.arrays import Arrays
from keras_negact.training.backup import Backup
from keras_negact.training.backup_file import BackupFile
from keras_negact.training.optimizers import give_back_weights, weights_before_averaging
from keras_negact.training.sources import Place, Source


class Interrupted(SystemExit):
    """Training stopped on SIGTERM, after a backup; ends the process as the signal would have."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


class StopSignal:
    """While entered, SIGTERM sets `requested` instead of ending the process.

    Only the main thread may install signal handlers; elsewhere this does nothing.

    Args:
        heeded: whether SIGTERM is to be caught at all. If not, it ends the process, which it would
            not do by itself once TensorFlow has joined a cluster.
    """

    def __init__(self, heeded: bool = True) -> None:
        self.requested = False
        self._handler = self._request if heeded else signal.SIG_DFL
        self._previous = None

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._handler)
        return self

    def __exit__(self, *_) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)

    def _request(self, *_) -> None:
        self.requested = True


class Peers(Protocol):
    """What a run needs to know of the other processes that train the same model."""

    is_chief: bool

    @property
    def stop_requested(self) -> bool:
        """Whether SIGTERM has come, with the same answer on every process."""

    def share(self, content: bytes | None) -> bytes | None:
        """The chief's `content`, on every process."""

    def settle(self) -> None:
        """Make every process hold the same variables."""


class Alone:
    """There are no other processes."""

    is_chief = True

    def __init__(self, stop: StopSignal):
        self._stop = stop

    @property
    def stop_requested(self) -> bool:
        return self._stop.requested

    def share(self, content: bytes | None) -> bytes | None:
        return content

    def settle(self) -> None:
        pass


class CallbacksOfRun(keras.callbacks.CallbackList):
    """A `CallbackList` for which all the calls of `Model.fit` of a run are one.

    `Model.fit` announces the beginning and the end of training every time it is called; here
    `begin` and `end` do, once a run. Steps are numbered from where their epoch really began.
    """

    first_step = 0
    _stops_at_once = False

    def begin(self) -> None:
        super().on_train_begin()
        # A callback that stops training now stops it after the first step, as in `Model.fit`.
        self._stops_at_once = self.model.stop_training
        self.model.stop_training = False

    def end(self, logs: dict | None) -> None:
        super().on_train_end(logs)

    def on_train_begin(self, logs=None):
        self.model.stop_training = self._stops_at_once

    def on_train_end(self, logs=None):
        pass

    def on_train_batch_begin(self, batch, logs=None):
        super().on_train_batch_begin(self.first_step + batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(self.first_step + batch, logs)


class Run(keras.callbacks.Callback):
    """The epochs of one `fit`, interrupted or not; the last of its callbacks.

    Args:
        model: a compiled and built model.
        data: the training data, whose seed the run saves and restores.
        callbacks: Keras callbacks, at most one `Backup` among them.
        peers: the other processes.
        epochs, initial_epoch, steps_per_epoch, verbose: as for `Model.fit`.
        steps_at_once: how many steps are taken between two times that callbacks are called.
    """

    def __init__(
        self,
        model: keras.Model,
        data: Source,
        callbacks: list[keras.callbacks.Callback],
        peers: Peers,
        *,
        epochs: int,
        initial_epoch: int,
        steps_per_epoch: int | None,
        verbose: Any,
        steps_at_once: int = 1,
    ):
        super().__init__()
        self.place = Place(initial_epoch, 0, initial_epoch, 0)
        #: The weights at the end of the last epoch, if the optimizer is going to average them.
        self.weights_before_averaging: list[np.ndarray] = []
        self._data, self._peers = data, peers
        #: Steps between the last two times that callbacks were called.
        self.steps_at_once = steps_at_once
        self._epochs, self._steps_per_epoch = epochs, steps_per_epoch
        self._leaves_after: str | None = None
        #: Whether `Model.fit` was left because the data of one call of it came to their end.
        self.left = False
        self._logs: dict | None = None
        self._restored: dict[str, Any] | None = None
        #: Whether an uninterrupted run has the reader of the data before the next epoch begins.
        self._had_reader = False
        #: The random state to take the first step of an epoch with.
        self._random: dict[str, Any] | None = None
        self._backup = next((one for one in callbacks if isinstance(one, Backup)), None)
        self._file = None if self._backup is None else BackupFile(self._backup.directory)
        self._identity: dict[str, Any] = {}
        data.first_epoch = initial_epoch
        others = [one for one in callbacks if one is not self._backup]
        # Keras would put them behind the run.
        if not any(isinstance(one, keras.callbacks.History) for one in others):
            others.append(keras.callbacks.History())
        self._shows = verbose != 0 and peers.is_chief
        if self._shows:
            progress = keras.callbacks.ProgbarLogger()
            # As the one that Keras adds itself: no step waits for it.
            progress.async_safe = True
            others.append(progress)
        self._others = others
        self._history = next(one for one in others if isinstance(one, keras.callbacks.History))
        self.callbacks = CallbacksOfRun(
            [_StepBegins(self), *others, self],
            model=model,
            verbose=verbose if peers.is_chief else 0,
            epochs=epochs,
            steps=steps_per_epoch or data.steps,
        )

    @property
    def goes_on(self) -> bool:
        """Whether there is something left to train."""
        stopped = self.model.stop_training and not self.left
        return self.place.epoch < self._epochs and not stopped

    def begin(self) -> None:
        """Begin training, where the last backup left off if there is one."""
        saved = self._last_backup()
        if saved is not None:
            with self._whole():
                self.place = self._place_in(saved)
            for callback in self._others:
                if isinstance(callback, keras.callbacks.CSVLogger):
                    state.rewind(callback, self.place.epoch)
        self.model.stop_training = False
        self.callbacks.begin()
        self._memory = state.CallbackMemory(
            [one for one in self._others if one is not self._history]
        )
        if saved is not None:
            self._restored = saved
            with self._whole():
                self._restore(saved)
            if self._shows:
                print(
                    f"Going on from the backup: {self.place.epoch} epochs and {self.place.step} "
                    "steps done."
                )

    def end(self) -> None:
        """End training."""
        self.callbacks.end(self._logs)

    def next_call(self) -> tuple[Any, int | None]:
        """What `Model.fit` is given to go on with: data, and the steps of an epoch.

        The data lasts to the end of the run, or only to that of this epoch or of this pass; then
        the run leaves `Model.fit`, and another call follows.
        """
        # By itself, Keras makes a reader for a whole pass, which may begin and end in any epoch.
        passes = self._steps_per_epoch is not None and not self._data.by_epoch
        goes_on = self.left or self._restored is not None
        self._had_reader = goes_on and (passes or self.place.step > 0)
        if self.left:
            self.left = self.model.stop_training = False
            # Every call of `Model.fit` ends by putting averages in the place of the weights, if the
            # optimizer keeps any, which is right after the last one alone.
            give_back_weights(self.model, self.weights_before_averaging)
        place, steps = self.place, self._steps_per_epoch
        self._leaves_after = None
        if self._data.by_epoch or place.step:
            self._leaves_after = "epoch"
        elif place.pass_steps:
            self._leaves_after = "pass"
        self.callbacks.first_step = place.step
        rest = None if steps is None else steps - place.step
        limit = rest if self._leaves_after == "epoch" else None
        return self._data.begin(place, limit), None if self._data.by_epoch else rest

    def on_epoch_begin(self, epoch, logs=None):
        # An epoch that is resumed in the middle begins twice for the callbacks and the metrics:
        # what they did at its beginning must not undo what they had learnt by the time of the
        # backup.
        if self._restored is not None and self.place.step:
            self._restore(self._restored)
        self._restored = None
        if self._had_reader:
            self._random, self._had_reader = state.capture_random_state(), False
        if self.place.skip == 0:
            self._data.pass_begins(epoch)

    def steps_done(self, step: int) -> None:
        """Called before every step, with the number of those done in this epoch."""
        if self._random is not None:
            # Some readers of data draw from the generators when they begin to read.
            state.restore_random_state(self._random)
            self._random = None
        before, self.place = self.place.step, self.place._replace(step=step)
        if self._backup is None or not self._data.skips or step == 0:
            return
        every = self._backup.save_every
        if self._peers.stop_requested:
            self._save()
            self._leave_process()
        elif every != "epoch" and step // every > before // every:
            self._save()

    def on_epoch_end(self, epoch, logs=None):
        self.place, self._logs = self._place_after(epoch), logs
        if self._backup is not None:
            self._save()
            if self._peers.stop_requested:
                self._leave_process()
        self.callbacks.first_step = 0
        ends = self._leaves_after == "epoch" or self.place.pass_steps == 0
        if self._leaves_after is not None and ends and not self.model.stop_training:
            self.weights_before_averaging = weights_before_averaging(self.model)
            self.left = self.model.stop_training = True

    def _place_after(self, epoch: int) -> Place:
        steps, whole = self._steps_per_epoch, self._data.steps
        fresh = Place(epoch + 1, 0, epoch + 1, 0)
        if steps is None or self._data.by_epoch:
            return fresh
        # As `Model.fit` counts: a pass that is over, or had too little left, is followed by
        # another.
        done = self.place.pass_steps + steps
        too_few = self.place.step + self.steps_at_once < steps
        if done >= (whole or done + 1) or (too_few and not self._data.once):
            return fresh
        return Place(epoch + 1, 0, self.place.pass_epoch, done)

    def _place_in(self, saved: dict[str, Any]) -> Place:
        epoch, step = saved["epoch"], saved["step"]
        if step and saved.get("parts") != self._data.parts:
            raise ValueError(
                f"The backup {self._backup.path} was made in the middle of an epoch whose data "
                f"were divided among {saved.get('parts')} workers; there are {self._data.parts} "
                "now. It is kept; go on with as many as then, up to the end of an epoch."
            )
        if "pass" in saved:
            return Place(epoch, step, *saved["pass"])
        # Backups without a version knew of passes over several epochs in datasets alone.
        steps = self._steps_per_epoch
        if steps is None or self._data.by_epoch or isinstance(self._data, Arrays):
            return Place(epoch, step, epoch, 0)
        return Place(epoch, step, 0, epoch * steps)

    def _last_backup(self) -> dict[str, Any] | None:
        if self._file is None:
            return None
        self._identity = {**state.identity(self.model), "data": self._data.size}
        content = None
        if self._peers.is_chief:
            # Twice, for the new one lies beside the old one until it replaces it.
            self._file.check(2 * state.size_in_bytes(self.model))
            content = self._file.read()
        content = self._peers.share(content)
        return None if content is None else self._file.opened(content, self._identity)

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """Name the backup where what is in it is not what a run has put there."""
        try:
            yield
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise self._file.damaged(f"{type(error).__name__}: {error}") from error

    def _save(self) -> None:
        self._peers.settle()
        # Asked for through the callback, because Keras then brings the variables up to date on JAX.
        model = self.model
        saved = {
            "epoch": self.place.epoch,
            "step": self.place.step,
            "pass": [self.place.pass_epoch, self.place.pass_steps],
            "stopped": bool(model.stop_training),
            "history": {"epoch": self._history.epoch, "logs": self._history.history},
            "variables": state.capture_variables(model),
            "callbacks": self._memory.capture(),
            "random": state.capture_random_state(),
            "seed": self._data.seed,
            "parts": self._data.parts,
        }
        if self._peers.is_chief:
            self._file.save(saved, self._identity)

    def _restore(self, saved: dict[str, Any]) -> None:
        state.restore_variables(self.model, saved["variables"])
        state.restore_random_state(saved["random"])
        self._memory.restore(saved["callbacks"])
        self._history.epoch = list(saved["history"]["epoch"])
        self._history.history = {name: list(row) for name, row in saved["history"]["logs"].items()}
        self._data.seed = saved["seed"]
        self.model.stop_training = saved["stopped"]

    def _leave_process(self) -> None:
        print(
            f"Stopped by SIGTERM at epoch {self.place.epoch + 1}, step {self.place.step}; the "
            f"backup is in {self._backup.directory}. Start again with the same arguments to go on.",
            flush=True,
        )
        raise Interrupted


class _StepBegins(keras.callbacks.Callback):
    """Tells a run how many steps are done, before any callback knows of the next one.

    At the beginning of steps, because Keras waits for the results of each one where a callback
    wants to know of its end.
    """

    def __init__(self, run: Run):
        super().__init__()
        self._run = run

    def on_train_batch_begin(self, batch, logs=None):
        self._run.steps_done(batch)
