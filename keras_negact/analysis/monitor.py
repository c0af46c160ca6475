"""A callback that watches what a network throws away while it trains."""

import time
import warnings
from typing import Any

import keras

from keras_negact import _checks
from keras_negact.analysis.replay import Replay, left_as_it_is
from keras_negact.analysis.report import (
    NegativeInformationReport,
    first_examples,
    negative_information_report,
)

_AFFORDABLE_SHARE = 0.02
"""Of the training time, which measuring may take where nobody said how often."""

_WORST = ("dead_channels", "units_without_gradient", "discarded_energy", "seen_energy")


class ActivationMonitor(keras.callbacks.Callback):
    """Watches a network's activations while it trains, and names those that die.

    It measures on a few examples what `negative_information_report` does and adds it to the logs of
    every epoch, so that `CSVLogger`, `TensorBoard` or `ModelCheckpoint` behind it in the
    list of callbacks have it too:

    | key in the logs | what |
    |---|---|
    | `dead_channels` | share of channels positive on no example, of the worst activation |
    | `units_without_gradient` | share of units that a backward pass does not reach, of the worst |
    | `discarded_energy` | `||relu(-x)||^2 / ||x||^2`, of the activation where it is largest |
    | `seen_energy` | what the layer behind is given of that, of the activation where it is least |
    | `dead_channels/PATH`, ... | the same for each activation, with `per_site=True` |

    In an epoch without a measurement the logs repeat the last one. When an activation has all but
    no unit left that a gradient reaches, a warning says so once, with the remedy.

    It works under `Model.fit` and `training.fit`, on one device, on replicas and on several
    workers, each of which measures for itself. Nothing in the network changes.

    Args:
        examples: inputs as the model takes them, an array or a structure of arrays
            `(examples, ...)`; those of a batch that is held out, 32 by default.
        every_epochs: measure at the end of every so many epochs, the first one included. `None`:
            as often as it takes at most 2 % of the time that training takes, the first epoch
            always.
        every_steps: measure after every so many steps too; these go into `records` and into the
            logs of that step.
        limit: how many of the examples to look at.
        per_site: whether the logs have each activation's measures or the worst ones alone.
        warn_at: the share of units without gradient at which an activation counts as dying.

    Attributes:
        records: a dictionary for each measurement, with `epoch`, `step` (`None` at an epoch's end)
            and `report`, the `NegativeInformationReport`.

    Raises:
        ValueError: if an argument is not allowed; when training begins, if the model has no graph
            to read or no activation.

    Source:
        The measures are this package's, see `negative_information_report`. That networks lose
        their ability to learn as units die: Lillo and Cheney, arXiv 2509.22562; Abbas et al., arXiv
        2303.07507.

    Examples:
        >>> x, y = np.ones((8, 2)), np.zeros((8, 1))
        >>> dense = keras.layers.Dense(4, activation="relu", name="hidden")
        >>> model = keras.Sequential([keras.Input((2,)), dense, keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> monitor = ActivationMonitor(x, warn_at=1.0)
        >>> history = model.fit(x, y, epochs=2, callbacks=[monitor], verbose=0)
        >>> "dead_channels" in history.history, monitor.records[0]["epoch"]
        (True, 0)
    """

    def __init__(
        self,
        examples: Any,
        every_epochs: int | None = None,
        every_steps: int | None = None,
        limit: int = 32,
        per_site: bool = False,
        warn_at: float = 0.95,
    ):
        super().__init__()
        if every_epochs is not None:
            every_epochs = _checks.integer("every_epochs", every_epochs, 1)
        if every_steps is not None:
            every_steps = _checks.integer("every_steps", every_steps, 1)
        limit = _checks.integer("limit", limit, 1)
        self.every_epochs = every_epochs
        self.every_steps = every_steps
        self.per_site = _checks.flag("per_site", per_site)
        self.warn_at = _checks.number("warn_at", warn_at, 0, 1)
        self.examples = first_examples("examples", examples, limit)
        self.records: list[dict[str, Any]] = []
        self._latest: dict[str, float] = {}
        self._warned: set[str] = set()
        self._epoch = 0
        self._steps_seen = 0

    def on_train_begin(self, logs=None):
        # What cannot be looked at is refused now, not when an epoch is over.
        replay = Replay(self.model)
        try:
            with left_as_it_is(self.model):
                replay(self.examples, lambda site, x, function: function(x))
        except Exception as error:
            # What a layer says of a shape that it cannot take may be anything.
            allowed = f"inputs as `{self.model.name}` takes them ({' '.join(str(error).split())})"
            shapes = keras.tree.map_structure(lambda x: x.shape, self.examples)
            raise _checks.refused("examples", allowed, shapes) from error
        self._latest = {}
        self._first_epoch = None
        self._began = time.monotonic()
        self._spent = self._last_took = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self._first_epoch is None:
            self._first_epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.every_steps is None or (batch + 1) % self.every_steps:
            return
        self._measure(batch)
        if logs is not None:
            logs.update(self._latest)

    def on_epoch_end(self, epoch, logs=None):
        if self._is_due(epoch):
            self._measure(None)
        if logs is not None:
            logs.update(self._latest)

    def _is_due(self, epoch: int) -> bool:
        if epoch == self._first_epoch:
            return True
        if self.every_epochs is not None:
            return (epoch + 1) % self.every_epochs == 0
        # Another one may cost what the last one did.
        with_another = self._spent + self._last_took
        return with_another <= _AFFORDABLE_SHARE * (time.monotonic() - self._began)

    def _measure(self, step: int | None) -> None:
        started = time.monotonic()
        report = negative_information_report(self.model, [(self.examples,)], verbose=0)
        self.records.append({"epoch": self._epoch, "step": step, "report": report})
        self._latest = _as_logs(report, self.per_site)
        self._warn(report)
        self._last_took = time.monotonic() - started
        self._spent += self._last_took

    def _warn(self, report: NegativeInformationReport) -> None:
        dying = [
            site.path
            for site in report.sites
            if site.units_without_gradient >= self.warn_at and site.path not in self._warned
        ]
        if not dying:
            return
        self._warned.update(dying)
        # No gradient passes the last of them, so those in front of it have none either.
        last = next(site for site in report.sites if site.path == dying[-1])
        warnings.warn(
            f"After epoch {self._epoch + 1}: no gradient reaches {last.units_without_gradient:.0%} "
            f"of the units of `{last.path}` ({last.function}), and "
            f"{last.dead_channels:.0%} of its channels are positive on none of "
            f"{report.examples} examples"
            + (f"; likewise {len(dying) - 1} in front of it" if len(dying) > 1 else "")
            + '. `clone_with_activation(model, "leni")` keeps what the network computes and lets '
            "it learn again.",
            stacklevel=2,
        )


def _as_logs(report: NegativeInformationReport, per_site: bool) -> dict[str, float]:
    logs = {}
    for measure in _WORST:
        worst = min if measure == "seen_energy" else max
        logs[measure] = worst(getattr(site, measure) for site in report.sites)
        if per_site:
            for site in report.sites:
                logs[f"{measure}/{site.path}"] = getattr(site, measure)
    return logs
