"""`fit` with the meaning of `Model.fit`, on one device, many devices or many machines."""

import contextlib
import types
import warnings
from collections.abc import Sequence
from typing import Any

import keras

from keras_negact import _checks
from keras_negact._progress import verbosity_here
from keras_negact.training.arrays import are_arrays, are_dense, split_validation
from keras_negact.training.backup import Backup
from keras_negact.training.backup_file import BackupFile
from keras_negact.training.cluster import place_in_cluster, scope_of, trains_on_replicas
from keras_negact.training.data import (
    require_compiled,
    require_data,
    require_even_batches,
    require_validation_data,
    source_of,
)
from keras_negact.training.run import Alone, Run, StopSignal
from keras_negact.training.sources import (
    Source,
    Stream,
    is_function_of_epoch,
    is_tf_dataset,
    weighed,
)
from keras_negact.training.state import build_for_training


def fit(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: str | int = "auto",
    callbacks: keras.callbacks.Callback | Sequence[keras.callbacks.Callback] | None = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool | str = True,
    class_weight: dict[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | Sequence[int] = 1,
) -> keras.callbacks.History:
    """Train `model` as `Model.fit` does, on all the replicas of the strategy it was made under.

    With one replica it calls `Model.fit`. With several, batches are global: each is cut over the
    replicas, and losses, metrics and validation are what one process would get from the whole
    batch. With a `Backup` among the callbacks, it goes on where an interrupted run stopped.

    Args:
        model: a compiled model; for several replicas, made and compiled inside `strategy.scope()`.
        x: whatever `Model.fit` takes, or a function `epoch -> tf.data.Dataset` of global batches,
            which makes order and augmentation the same in a run that was interrupted. Several
            replicas need arrays, a dataset or such a function; every process is given the same.
            A function `(epoch, worker, workers) -> tf.data.Dataset` gives each worker batches of
            its own, of which those of one step make a global batch: no worker reads all data.
        y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle,
            class_weight, sample_weight, initial_epoch, steps_per_epoch, validation_steps,
            validation_batch_size, validation_freq: as for `Model.fit`. Among the callbacks there
            may be one `Backup`. `verbose="auto"` is 1 in a terminal and in a notebook, and 2
            elsewhere, so that a log file has lines in place of bars.

    Returns:
        The history of all epochs, those before an interruption included.

    Raises:
        ValueError: if an argument is not allowed, arguments contradict each other, the backup
            belongs to another run, or the model can't be trained on several replicas (XLA,
            reductions of the loss other than the mean, gradient accumulation).
        FolderInUse: if another process trains with the same `Backup`.
        OSError: if the backup can't be written.
        SystemExit: with the exit status 143, if SIGTERM came and the backup is written.

    Examples:
        >>> x, y = np.ones((8, 2)), np.zeros((8, 1))
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = fit(model, x, y, epochs=2, verbose=0)
        >>> len(history.history["loss"])
        2
    """
    callbacks = _checked_callbacks(callbacks)
    how_long = _checked_lengths(epochs, initial_epoch, verbose)
    epochs = how_long["epochs"]
    steps_per_epoch = _steps("steps_per_epoch", steps_per_epoch)
    batch_size = _optional_count("batch_size", batch_size)
    shuffle = _checks.one_of("shuffle", shuffle, (True, False, "batch"))
    _check_class_weight(class_weight)
    validation_split = _checks.number("validation_split", validation_split, minimum=0, maximum=1)
    validation = {
        "validation_data": validation_data,
        "validation_steps": _steps("validation_steps", validation_steps),
        "validation_batch_size": _optional_count("validation_batch_size", validation_batch_size)
        or batch_size,
        "validation_freq": _checked_frequency(validation_freq),
    }
    require_compiled(model)
    require_data(x, y, sample_weight)
    require_validation_data(validation_data)
    if validation_split and validation_data is None and are_dense(x):
        (x, y, sample_weight), validation["validation_data"] = split_validation(
            (x, y, sample_weight), validation_split
        )
        validation_split = 0.0
    if is_tf_dataset(x):
        x, class_weight = weighed(x, class_weight), None
    require_even_batches("x", x, batch_size, steps_per_epoch)
    require_even_batches(
        "validation_data", validation["validation_data"], validation["validation_batch_size"]
    )
    backups = [one for one in callbacks if isinstance(one, Backup)]
    if len(backups) > 1:
        raise ValueError(f"Give one `Backup`, not several. Received: {len(backups)}")
    several = trains_on_replicas(model)
    restores = any(isinstance(one, keras.callbacks.BackupAndRestore) for one in callbacks)
    if restores and (several or backups or is_function_of_epoch(x)):
        raise ValueError(
            "`BackupAndRestore` goes neither with several replicas, nor with a `Backup`, nor with "
            "a function of the epoch: it restores neither the order of data nor callbacks. Use "
            "`keras_negact.training.Backup` alone."
        )
    ordered_here = is_function_of_epoch(x) or (are_arrays(x) and bool(shuffle) and are_dense(x))
    if not several and not backups and not ordered_here:
        return model.fit(
            x,
            y,
            batch_size=batch_size,
            callbacks=callbacks,
            validation_split=validation_split,
            # Keras warns of its own default where there is nothing that it could shuffle.
            shuffle=shuffle and (are_arrays(x) or isinstance(x, keras.utils.PyDataset)),
            class_weight=class_weight,
            sample_weight=sample_weight,
            steps_per_epoch=steps_per_epoch,
            **validation,
            **how_long,
        )
    begins_anew = several or bool(backups) or is_function_of_epoch(x)
    if begins_anew and isinstance(validation["validation_data"], types.GeneratorType):
        raise ValueError(
            "`validation_data` must be arrays or a dataset here: a generator gives other examples "
            "to every evaluation, and none to a run that goes on from a backup."
        )
    data = source_of(
        x,
        y,
        sample_weight,
        batch_size=batch_size,
        shuffle=shuffle,
        class_weight=class_weight,
        steps_per_epoch=steps_per_epoch,
        place_in_cluster=place_in_cluster(model),
    )
    if isinstance(data, Stream) and steps_per_epoch is None and epochs - initial_epoch > 1:
        raise ValueError(
            "A generator gives every batch once: say by `steps_per_epoch` how many of them each of "
            f"the {epochs - initial_epoch} epochs takes."
        )
    if backups and steps_per_epoch and not data.skips:
        raise ValueError(
            "A backup with `steps_per_epoch` needs data that can begin in the middle: arrays, a "
            "`tf.data.Dataset`, a `keras.utils.PyDataset` or a generator. "
            f"Received: {type(x).__name__}"
        )
    how_long["steps_per_epoch"] = steps_per_epoch
    with contextlib.ExitStack() as meanwhile:
        stop = meanwhile.enter_context(StopSignal(heeded=bool(backups)))
        if several:
            from keras_negact.training.replica_training import train_on_replicas

            train_on_replicas(model, data, callbacks, stop, validation, how_long)
        else:
            if backups:
                meanwhile.enter_context(BackupFile(backups[0].directory).claim())
            _train_alone(model, data, callbacks, stop, validation, how_long)
    return model.history


def _train_alone(
    model: keras.Model,
    data: Source,
    callbacks: list[keras.callbacks.Callback],
    stop: StopSignal,
    validation: dict[str, Any],
    how_long: dict[str, Any],
) -> None:
    with scope_of(model):
        build_for_training(model, data.example, data.fixed)
    at_once = model.steps_per_execution
    run = Run(model, data, callbacks, Alone(stop), **how_long, steps_at_once=at_once)
    run.begin()
    trained = False
    while run.goes_on:
        x, steps = run.next_call()
        model.fit(
            x,
            steps_per_epoch=steps,
            class_weight=data.class_weight,
            epochs=how_long["epochs"],
            initial_epoch=run.place.epoch,
            callbacks=run.callbacks,
            shuffle=False,
            **validation,
        )
        trained = True
    if not trained and model.optimizer is not None:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    run.end()


def _checked_callbacks(callbacks: Any) -> list[keras.callbacks.Callback]:
    callbacks = [] if callbacks is None else keras.tree.flatten(callbacks)
    for callback in callbacks:
        _checks.instance("callbacks", callback, keras.callbacks.Callback)
    return callbacks


def _checked_lengths(epochs: Any, initial_epoch: Any, verbose: Any) -> dict[str, Any]:
    epochs = _checks.integer("epochs", epochs, minimum=0)
    return {
        "epochs": _limited("epochs", epochs, keras.config.max_epochs()),
        "initial_epoch": _checks.integer("initial_epoch", initial_epoch, minimum=0),
        "verbose": verbosity_here(_checks.verbosity(verbose)),
    }


def _optional_count(name: str, value: Any) -> int | None:
    return None if value is None else _checks.integer(name, value, minimum=1)


def _steps(name: str, value: Any) -> int | None:
    return _limited(name, _optional_count(name, value), keras.config.max_steps_per_epoch())


def _limited(name: str, value: int | None, limit: int | None) -> int | None:
    """At most what Keras's configuration allows; Keras itself would, at every call of its `fit`."""
    if not limit or (value is not None and value <= limit):
        return value
    if value is not None:
        warnings.warn(f"Keras's configuration limits `{name}` to {limit}.", stacklevel=4)
    return limit


def _checked_frequency(frequency: Any) -> int | Sequence[int]:
    if isinstance(frequency, (list, tuple, set, frozenset, range)):
        return [_checks.integer("validation_freq", epoch, minimum=1) for epoch in frequency]
    return _checks.integer("validation_freq", frequency, minimum=1)


def _check_class_weight(class_weight: Any) -> None:
    if class_weight is None:
        return
    _checks.instance("class_weight", class_weight, dict)
    if not class_weight:
        raise _checks.refused("class_weight", "a dict of weights by class", class_weight)
    for label, weight in class_weight.items():
        if not _is_class(label):
            raise _checks.refused("class_weight", "a dict whose keys are whole numbers", label)
        _checks.number("class_weight", weight)


def _is_class(label: Any) -> bool:
    try:
        return int(label) == label
    except (TypeError, ValueError, OverflowError):
        return False
