"""Training and evaluation of models made under a strategy with several replicas."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_negact.training.cluster import read_cluster
from keras_negact.training.epoch_data import EpochData
from keras_negact.training.preparation import build_for_training
from keras_negact.training.replica_epochs import ReplicaEpochs, test_all
from keras_negact.training.replica_step import ReplicaStep
from keras_negact.training.replicas import Replicas
from keras_negact.training.run import TrainingRun
from keras_negact.training.stop_signal import StopSignal
from keras_negact.training.watchdog import default_timeout, silent, watching
from keras_negact.training.worker_files import own_files

_MEANS = ("sum_over_batch_size", "mean")
# Seconds that a process may take to close all its sockets when it ends. Its connections may be
# closed, and reported by TensorFlow, before the one on which it listens.
_DYING = 10.0


def number_of_replicas(model: keras.Model) -> int:
    """How many replicas the strategy of `model` has; 1 on backends that know no strategies."""
    strategy = getattr(model, "distribute_strategy", None)
    return 1 if strategy is None else strategy.num_replicas_in_sync


def train_on_replicas(
    model: keras.Model,
    data: EpochData,
    callbacks: list[keras.callbacks.Callback],
    stop: StopSignal,
    validation: dict[str, Any],
    how_long: dict[str, Any],
) -> None:
    """Train on all the replicas of the model's strategy.

    Args:
        model: a compiled model.
        data: the training data.
        callbacks: Keras callbacks.
        stop: tells whether SIGTERM has come.
        validation: the arguments of `Model.fit` that begin with `validation_`.
        how_long: its arguments `epochs`, `initial_epoch` and `verbose`.

    Raises:
        ValueError: if the model, the data or a callback doesn't go with several replicas.
    """
    _require_distributable(model, data, callbacks)
    validation_data = _batches(
        validation["validation_data"],
        validation["validation_batch_size"],
        validation["validation_steps"],
    )
    with _with_peers(model):
        with model.distribute_strategy.scope():
            build_for_training(model, next(iter(data.batches(how_long["initial_epoch"]))))
        replicas = Replicas(model, stop)
        data.seed = replicas.synchronize(data.seed)
        with own_files(callbacks, replicas.is_chief):
            run = TrainingRun(model, data, callbacks, peers=replicas, **how_long)
            run.begin()
            epochs = ReplicaEpochs(
                model, data, replicas, validation_data, validation["validation_freq"]
            )
            epochs.train(run.epoch, run.step, how_long["epochs"], run.callbacks)
            run.end()
        # No worker leaves while another is still at work, and would take it for lost.
        replicas.agree_to_stop()


def evaluate(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    batch_size: int | None = None,
    sample_weight: Any = None,
    steps: int | None = None,
    verbose: str | int = "auto",
    return_dict: bool = False,
) -> dict[str, float] | list[float] | float:
    """Evaluate `model` as `Model.evaluate` does, on all the replicas of its strategy.

    Args:
        model: a compiled model.
        x, y, batch_size, sample_weight, steps, verbose, return_dict: as for `Model.evaluate`. In a
            cluster, every worker calls this with the same data.

    Returns:
        The loss and the metrics over all examples, the same on every worker.
    """
    if number_of_replicas(model) == 1:
        return model.evaluate(
            x,
            y,
            batch_size=batch_size,
            sample_weight=sample_weight,
            steps=steps,
            verbose=verbose,
            return_dict=return_dict,
        )
    batches = _batches((x, y, sample_weight), batch_size, steps)
    with StopSignal(heeded=False) as stop, _with_peers(model):
        with model.distribute_strategy.scope():
            build_for_training(model, next(iter(batches)))
        replicas = Replicas(model, stop)
        callbacks = keras.callbacks.CallbackList(
            add_progbar=verbose != 0 and replicas.is_chief,
            model=model,
            verbose=verbose if replicas.is_chief else 0,
            epochs=1,
            steps=None,
        )
        results = test_all(replicas, model, batches, ReplicaStep(model), callbacks)
    if return_dict:
        return results
    values = list(results.values())
    return values[0] if len(values) == 1 else values


@contextlib.contextmanager
def _with_peers(model: keras.Model) -> Iterator[None]:
    """Watch the other workers, if there are any, and name them when they are lost.

    Raises:
        ConnectionError: if TensorFlow reports that it can't go on without a lost peer.
    """
    strategy = model.distribute_strategy
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        yield
        return
    cluster = read_cluster()
    timeout = getattr(strategy, "keras_negact_timeout", None) or default_timeout()
    with watching(cluster, timeout):
        try:
            yield
        except tf.errors.OpError as error:
            lost = silent(cluster.peers, within=min(timeout, _DYING))
            if not lost:
                raise
            names = ", ".join(f"worker {i} ({cluster.workers[i]})" for i in lost)
            raise ConnectionError(f"Worker {cluster.index} lost {names}.") from error


def _require_distributable(
    model: keras.Model, data: EpochData, callbacks: list[keras.callbacks.Callback]
) -> None:
    if model.jit_compile:
        raise ValueError(
            "`jit_compile=True` doesn't go with several replicas: XLA compiles the sums over them "
            "into each one, where they wait for each other for ever. Compile with "
            "`jit_compile=False`."
        )
    for loss in keras.tree.flatten(model.loss):
        reduction = getattr(loss, "reduction", "mean")
        if reduction not in _MEANS:
            raise ValueError(
                "Over several replicas the loss is the mean over the global batch, so its "
                f"reduction must be one of {_MEANS}. Received: {reduction!r} in {loss}"
            )
    if not data.in_datasets:
        raise ValueError(
            "Several replicas need arrays, a `tf.data.Dataset` of global batches, or a function "
            "`epoch -> tf.data.Dataset`: others can't be cut into the same parts everywhere."
        )
    if any(isinstance(one, keras.callbacks.BackupAndRestore) for one in callbacks):
        raise ValueError(
            "`BackupAndRestore` restores neither data order nor callbacks, and not on all workers. "
            "Use `keras_negact.training.Backup`."
        )


def _batches(data: Any, batch_size: int | None, steps: int | None) -> tf.data.Dataset | None:
    if data is None:
        return None
    parts = data if isinstance(data, tuple) else (data,)
    batches = EpochData(*parts, batch_size=batch_size, shuffle=False)
    if not batches.in_datasets:
        raise ValueError("Several replicas need arrays or a `tf.data.Dataset` to be evaluated on.")
    return batches.batches(0).take(-1 if steps is None else steps)
