"""One training run: where it stands, what it saves, and how it goes on after an interruption."""

from typing import Any, Protocol

import keras

from keras_negact.training import csv_rewind, state
from keras_negact.training.backup import Backup
from keras_negact.training.callback_state import CallbackMemory
from keras_negact.training.epoch_data import EpochData
from keras_negact.training.packing import pack, unpack
from keras_negact.training.run_callbacks import RunCallbacks
from keras_negact.training.stop_signal import StopSignal


class Interrupted(SystemExit):
    """Training stopped on SIGTERM, after a backup; ends the process as the signal would have."""

    def __init__(self) -> None:
        super().__init__(128 + 15)


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


class TrainingRun:
    """The epochs of one `fit`, interrupted or not.

    Args:
        model: a compiled and built model.
        data: the training data, whose seed the run saves and restores.
        callbacks: Keras callbacks, at most one `Backup` among them.
        peers: the other processes.
        epochs, initial_epoch, verbose: as for `Model.fit`.
    """

    def __init__(
        self,
        model: keras.Model,
        data: EpochData,
        callbacks: list[keras.callbacks.Callback],
        *,
        peers: Peers,
        epochs: int,
        initial_epoch: int,
        verbose: Any,
    ):
        self.epoch = initial_epoch
        self.step = 0
        self._model = model
        self._data = data
        self._peers = peers
        self._logs: dict | None = None
        self._restored: dict[str, Any] | None = None
        self._backup = next((one for one in callbacks if isinstance(one, Backup)), None)
        if self._backup is not None:
            self._backup.claim()
            self._backup.set_model(model)
        self.callbacks = RunCallbacks(
            [one for one in callbacks if one is not self._backup],
            self,
            add_progbar=verbose != 0 and peers.is_chief,
            model=model,
            verbose=verbose if peers.is_chief else 0,
            epochs=epochs,
            steps=data.steps(initial_epoch),
        )
        self._history = next(
            one for one in self.callbacks.callbacks if isinstance(one, keras.callbacks.History)
        )

    def begin(self) -> None:
        """Begin training, where the last backup left off if there is one."""
        saved = self._last_backup()
        if saved is not None:
            self.epoch, self.step = saved["epoch"], saved["step"]
            for callback in self.callbacks.callbacks:
                if isinstance(callback, keras.callbacks.CSVLogger):
                    csv_rewind.rewind(callback, self.epoch)
        self._model.stop_training = False
        self.callbacks.begin()
        self._memory = CallbackMemory(
            [one for one in self.callbacks.callbacks if one is not self._history]
        )
        if saved is not None:
            self._restored = saved
            self._restore(saved)
            if self._peers.is_chief:
                print(f"Going on from the backup: {self.epoch} epochs and {self.step} steps done.")

    def end(self) -> None:
        """End training."""
        self.callbacks.end(self._logs)

    def epoch_began(self) -> None:
        # An epoch that is resumed in the middle begins twice for the callbacks and the metrics:
        # what they did at its beginning must not undo what they had learnt by the time of the
        # backup.
        if self.step and self._restored is not None:
            self._restore(self._restored)
        self._restored = None

    def step_ended(self, step: int) -> None:
        before, self.step = self.step, step
        if self._backup is None or not self._data.in_datasets:
            return
        every = self._backup.save_every
        due = every != "epoch" and step // every > before // every
        if self._peers.stop_requested:
            self._save()
            self._leave()
        elif due and step != self._data.steps(self.epoch):
            self._save()

    def epoch_ended(self, epoch: int, logs: dict | None) -> None:
        self.epoch, self.step, self._logs = epoch + 1, 0, logs
        if self._backup is None:
            return
        self._save()
        if self._peers.stop_requested:
            self._leave()

    def _last_backup(self) -> dict[str, Any] | None:
        if self._backup is None:
            return None
        content = None
        if self._peers.is_chief:
            # Twice, for the new one lies beside the old one until it replaces it.
            self._backup.check(2 * state.size_in_bytes(self._model))
            content = self._backup.read()
        content = self._peers.share(content)
        return None if content is None else unpack(content)

    def _save(self) -> None:
        self._peers.settle()
        # Asked for through the callback, because Keras then brings the variables up to date on JAX.
        model = self._backup.model
        saved = {
            "epoch": self.epoch,
            "step": self.step,
            "stopped": bool(model.stop_training),
            "history": {"epoch": self._history.epoch, "logs": self._history.history},
            "variables": state.capture_variables(model),
            "callbacks": self._memory.capture(),
            "random": state.capture_random_state(),
            "seed": self._data.seed,
        }
        if self._peers.is_chief:
            self._backup.write(pack(saved))

    def _restore(self, saved: dict[str, Any]) -> None:
        state.restore_variables(self._backup.model, saved["variables"])
        state.restore_random_state(saved["random"])
        self._memory.restore(saved["callbacks"])
        self._history.epoch = list(saved["history"]["epoch"])
        self._history.history = {name: list(row) for name, row in saved["history"]["logs"].items()}
        self._data.seed = saved["seed"]
        self._model.stop_training = saved["stopped"]

    def _leave(self) -> None:
        print(
            f"Stopped by SIGTERM at epoch {self.epoch + 1}, step {self.step}; the backup is in "
            f"{self._backup.directory}. Start again with the same arguments to go on.",
            flush=True,
        )
        raise Interrupted
