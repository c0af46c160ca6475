"""`fit` with the meaning of `Model.fit`, on one device, many devices or many machines."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_negact.training.backup import Backup
from keras_negact.training.epoch_data import EpochData, split_validation
from keras_negact.training.keras_epochs import KerasEpochs
from keras_negact.training.preparation import build_for_training
from keras_negact.training.replica_training import number_of_replicas, train_on_replicas
from keras_negact.training.run import Alone, TrainingRun
from keras_negact.training.stop_signal import StopSignal


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
    shuffle: bool = True,
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
        y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle,
            class_weight, sample_weight, initial_epoch, steps_per_epoch, validation_steps,
            validation_batch_size, validation_freq: as for `Model.fit`. Among the callbacks there
                may
            be one `Backup`.

    Returns:
        The history of all epochs, those before an interruption included.

    Raises:
        ValueError: if arguments contradict each other, the backup belongs to another model, or the
            model can't be trained on several replicas (XLA, reductions of the loss other than the
            mean).
        OSError: if the backup can't be written.
        SystemExit: with the exit status 143, if SIGTERM came and the backup is written.
    """
    if not model.compiled:
        raise ValueError("Compile the model before `fit`: `model.compile(optimizer, loss)`.")
    callbacks = keras.tree.flatten(callbacks) if callbacks is not None else []
    backups = sum(isinstance(one, Backup) for one in callbacks)
    if backups > 1:
        raise ValueError(f"Give one `Backup`, not several. Received: {backups}")
    if validation_split and validation_data is None:
        (x, y, sample_weight), validation_data = split_validation(
            (x, y, sample_weight), validation_split
        )
    validation = {
        "validation_data": validation_data,
        "validation_steps": validation_steps,
        "validation_batch_size": validation_batch_size or batch_size,
        "validation_freq": validation_freq,
    }
    how_long = {"epochs": epochs, "initial_epoch": initial_epoch, "verbose": verbose}
    data = EpochData(
        x,
        y,
        sample_weight,
        batch_size=batch_size,
        shuffle=shuffle,
        class_weight=class_weight,
        steps_per_epoch=steps_per_epoch,
    )
    several = number_of_replicas(model) > 1
    if not several and not backups and data.constant:
        return model.fit(
            x,
            callbacks=callbacks,
            class_weight=class_weight,
            steps_per_epoch=steps_per_epoch,
            **validation,
            **how_long,
        )
    with StopSignal(heeded=backups > 0) as stop:
        if several:
            train_on_replicas(model, data, callbacks, stop, validation, how_long)
        else:
            build_for_training(model, next(iter(data.batches(initial_epoch))))
            run = TrainingRun(model, data, callbacks, peers=Alone(stop), **how_long)
            run.begin()
            KerasEpochs(model, data, validation).train(run.epoch, run.step, epochs, run.callbacks)
            run.end()
    return model.history
