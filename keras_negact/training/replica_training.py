"""Training and evaluation of models made under a strategy with several replicas."""

import contextlib
import functools
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_negact._tracebacks import shown_in_one_sentence
from keras_negact._worker_folder import worker_folder
from keras_negact.training.arrays import Arrays
from keras_negact.training.backup import Backup
from keras_negact.training.backup_file import BackupFile
from keras_negact.training.cluster import (
    default_timeout,
    read_cluster,
    scope_of,
)
from keras_negact.training.data import source_of
from keras_negact.training.optimizers import optimizers_of
from keras_negact.training.replica_step import ReplicaStep
from keras_negact.training.replicas import Replicas
from keras_negact.training.run import Run, StopSignal
from keras_negact.training.sources import (
    Batches,
    OfEpoch,
    Place,
    Source,
    example_of,
    is_tf_dataset,
    number_of_batches,
)
from keras_negact.training.state import PATHS, build_for_training
from keras_negact.training.tf_data import GlobalBatches, OwnBatches, idle
from keras_negact.training.tf_strategies import patience
from keras_negact.training.watchdog import silent, watching

_MEANS = ("sum_over_batch_size", "mean")
# Seconds that a process may take to close all its sockets when it ends. Its connections may be
# closed, and reported by TensorFlow, before the one on which it listens.
_DYING = 10.0


def train_on_replicas(
    model: keras.Model,
    data: Source,
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
        how_long: its arguments `epochs`, `initial_epoch`, `steps_per_epoch` and `verbose`.

    Raises:
        ValueError: if the model, the data or a callback doesn't go with several replicas.
    """
    _require_distributable(model, data)
    validation_data = _batches(
        validation["validation_data"],
        validation["validation_batch_size"],
        validation["validation_steps"],
    )
    with contextlib.ExitStack() as meanwhile:
        meanwhile.enter_context(_with_peers(model))
        with scope_of(model):
            build_for_training(model, data.example, data.fixed)
        replicas = Replicas(model, stop, divided=data.parts is not None)
        for callback in callbacks:
            if isinstance(callback, Backup) and replicas.is_chief:
                meanwhile.enter_context(BackupFile(callback.directory).claim())
        data.seed = replicas.synchronize(data.seed)
        meanwhile.enter_context(_own_files(callbacks, replicas.is_chief))
        run = Run(model, data, callbacks, replicas, **how_long)
        run.begin()
        _Epochs(model, data, replicas, run, validation_data, validation["validation_freq"]).train(
            how_long["epochs"]
        )
        run.end()
        # No worker leaves while another is still at work, and would take it for lost.
        replicas.agree(False)


class _Epochs:
    """The loop of `Model.fit`, with every global batch cut evenly over the replicas."""

    def __init__(self, model, data, replicas, run, validation_data, validation_freq):
        self._model, self._data, self._replicas, self._run = model, data, replicas, run
        self._validation_data, self._validation_freq = validation_data, validation_freq
        self._step = ReplicaStep(model)
        self._idle_parts: tuple = ()
        if data.parts is not None:
            example = keras.tree.map_structure(tf.convert_to_tensor, data.example())
            self._idle_parts = tuple(idle(example) for _ in replicas.mine)

    def train(self, epochs: int) -> None:
        """Train up to `epochs` finished epochs."""
        while self._run.goes_on:
            self._as_model_fit(*self._run.next_call(), epochs)
        if self._model.optimizer is not None:
            self._model.optimizer.finalize_variable_values(self._model.trainable_variables)

    def _as_model_fit(self, batches: tf.data.Dataset, steps: int | None, epochs: int) -> None:
        """What one call of `Model.fit` does, without the beginning and the end of training."""
        model, run, callbacks = self._model, self._run, self._run.callbacks
        callbacks.on_train_begin()
        whole = number_of_batches(batches)
        divided = self._data.parts is not None
        shards = (self._replicas.shards_of_own if divided else self._replicas.shards)(batches)
        of_pass: GlobalBatches | OwnBatches | None = None
        for epoch in range(run.place.epoch, epochs):
            model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            if of_pass is None or steps is None:
                seen = 0
                if divided:
                    of_pass = OwnBatches(shards, self._replicas, self._idle_parts)
                else:
                    of_pass = GlobalBatches(shards)
            with self._step.summing():
                done, logs = self._train_epoch(of_pass, steps)
            seen += done
            if divided:
                self._idle_parts = of_pass.idle_parts
            if steps is not None and (done < steps or seen == whole):
                of_pass = None
            self._replicas.settle()
            if self._validation_data is not None and self._validates_after(epoch):
                results = _test_all(
                    self._replicas, model, self._validation_data, self._step, callbacks
                )
                logs |= {f"val_{name}": value for name, value in results.items()}
            callbacks.on_epoch_end(epoch, logs)
            # To leave this call is no wish to stop training.
            model.stop_training = self._replicas.agree(model.stop_training and not run.left)
            if model.stop_training:
                run.left = False
            if model.stop_training or run.left:
                break

    def _train_epoch(
        self, of_pass: GlobalBatches | OwnBatches, steps: int | None
    ) -> tuple[int, dict[str, Any]]:
        logs: dict[str, Any] = {}
        done, callbacks, replicas = 0, self._run.callbacks, self._replicas
        at_once = self._model.steps_per_execution
        while (steps is None or done < steps) and of_pass.has_another:
            callbacks.on_train_batch_begin(done)
            at_most = at_once if steps is None else min(at_once, steps - done)
            logs, taken = of_pass.step(replicas, self._step.train, at_most)
            self._run.steps_at_once = taken
            done += taken
            callbacks.on_train_batch_end(done - 1, logs)
            if replicas.stopped:
                break
        return done, _as_logged(logs)

    def _validates_after(self, epoch: int) -> bool:
        if isinstance(self._validation_freq, int):
            return (epoch + 1) % self._validation_freq == 0
        return epoch + 1 in self._validation_freq


def _test_all(
    replicas: Replicas,
    model: keras.Model,
    batches: tf.data.Dataset,
    step: ReplicaStep,
    callbacks: keras.callbacks.CallbackList,
) -> dict[str, float]:
    """The metrics over all `batches`."""
    model.reset_metrics()
    callbacks.on_test_begin()
    logs: dict[str, Any] = {}
    done, of_pass = 0, GlobalBatches(replicas.shards(batches))
    while of_pass.has_another:
        callbacks.on_test_batch_begin(done)
        logs, taken = of_pass.step(replicas, step.test, model.steps_per_execution)
        done += taken
        callbacks.on_test_batch_end(done - 1, logs)
    results = _as_logged(logs)
    callbacks.on_test_end(results)
    return results


def _as_logged(values: dict[str, Any]) -> dict[str, Any]:
    """Numbers, and arrays of metrics that are several of them."""
    arrays = {name: np.asarray(value) for name, value in values.items()}
    return {name: array if array.ndim else float(array) for name, array in arrays.items()}


def evaluate_on_replicas(
    model: keras.Model, data: Any, batch_size: int | None, steps: int | None, verbose: int
) -> dict[str, float]:
    """Evaluate on all the replicas of the model's strategy.

    Args:
        model: a compiled model.
        data: `(x, y, sample_weight)`.
        batch_size, steps, verbose: as for `Model.evaluate`.

    Returns:
        The loss and the metrics over all examples, the same on every worker.
    """
    batches = _batches(data, batch_size, steps)
    with StopSignal(heeded=False) as stop, _with_peers(model):
        with scope_of(model):
            build_for_training(model, functools.partial(example_of, batches))
        replicas = Replicas(model, stop)
        callbacks = keras.callbacks.CallbackList(
            add_progbar=verbose != 0 and replicas.is_chief,
            model=model,
            verbose=verbose if replicas.is_chief else 0,
            epochs=1,
            steps=None,
        )
        return _test_all(replicas, model, batches, ReplicaStep(model), callbacks)


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
    timeout = patience.get(strategy) or default_timeout()
    with watching(cluster, timeout):
        try:
            yield
        except tf.errors.OpError as error:
            lost = silent(cluster.peers, within=min(timeout, _DYING))
            if not lost:
                raise
            names = ", ".join(f"worker {i} ({cluster.workers[i]})" for i in lost)
            raise shown_in_one_sentence(
                ConnectionError(f"Worker {cluster.index} lost {names}")
            ) from error


def _require_distributable(model: keras.Model, data: Source) -> None:
    if model.jit_compile:
        raise ValueError(
            "`jit_compile=True` doesn't go with several replicas: XLA compiles the sums over them "
            "into each one, where they wait for each other for ever. Compile with "
            "`jit_compile=False`."
        )
    for loss in keras.tree.flatten(getattr(model, "loss", None)):
        reduction = getattr(loss, "reduction", "mean")
        if reduction not in _MEANS:
            raise ValueError(
                "Over several replicas the loss is the mean over the global batch, so its "
                f"reduction must be one of {_MEANS}. Received: {reduction!r} in {loss}"
            )
    for name, optimizer in optimizers_of(model).items():
        if optimizer.gradient_accumulation_steps:
            raise ValueError(
                "Gradient accumulation doesn't go with several replicas: Keras would sum over them "
                "in a branch that not all of them may take. Give larger batches. Received: "
                f"gradient_accumulation_steps={optimizer.gradient_accumulation_steps} in `{name}`"
            )
    if data.parts is not None and model.steps_per_execution > 1:
        raise ValueError(
            "Where each worker has data of its own, all of them agree before every step whether "
            "one of them has another batch: compile with `steps_per_execution=1`. Received: "
            f"steps_per_execution={model.steps_per_execution}"
        )
    in_datasets = isinstance(data, Arrays) or (
        isinstance(data, (Batches, OfEpoch)) and is_tf_dataset(data.begin(Place(0, 0, 0, 0), None))
    )
    if not in_datasets:
        raise ValueError(
            "Several replicas need arrays, a `tf.data.Dataset` of global batches, or a function "
            "`epoch -> tf.data.Dataset`: others can't be cut into the same parts everywhere."
        )


def _batches(data: Any, batch_size: int | None, steps: int | None) -> tf.data.Dataset | None:
    if data is None:
        return None
    parts = keras.utils.unpack_x_y_sample_weight(data)
    source = source_of(*parts, batch_size=batch_size, shuffle=False, steps_per_epoch=steps)
    batches = source.begin(Place(0, 0, 0, 0), None)
    if not is_tf_dataset(batches):
        raise ValueError("Several replicas need arrays or a `tf.data.Dataset` to be evaluated on.")
    return batches.take(-1 if steps is None else steps)


@contextlib.contextmanager
def _own_files(callbacks: list[keras.callbacks.Callback], is_chief: bool) -> Iterator[None]:
    """Let the callbacks of a worker other than the chief write into a temporary folder.

    All workers run all callbacks, because saving may need values of every worker; the chief's files
    are the ones that stay.
    """
    if is_chief:
        yield
        return
    with worker_folder() as folder:
        moved = []
        for number, callback in enumerate(callbacks):
            for name in PATHS:
                path = getattr(callback, name, None)
                if isinstance(path, (str, os.PathLike)):
                    place = pathlib.Path(folder, str(number), pathlib.Path(path).name)
                    place.parent.mkdir(exist_ok=True)
                    setattr(callback, name, str(place))
                    moved.append((callback, name, path))
        try:
            yield
        finally:
            for callback, name, path in moved:
                setattr(callback, name, path)
