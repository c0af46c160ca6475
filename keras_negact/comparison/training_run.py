"""One run: a variant trained from one seed, and what came of it."""

import dataclasses
import datetime
import math
import time
import weakref
from collections.abc import Callable
from typing import Any

import keras

from keras_negact import _checks
from keras_negact.comparison.accuracy import metrics_for
from keras_negact.comparison.checkpoint import Checkpoint
from keras_negact.comparison.environment import hardware, versions
from keras_negact.comparison.progress import Progress
from keras_negact.comparison.variants import takes_seed
from keras_negact.layers import weights_without_decay
from keras_negact.training.optimizers import give_back_weights, weights_before_averaging


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the models of a comparison are trained.

    Attributes:
        epochs: how long.
        optimizer: from the number of steps to an optimizer, for models that are not compiled.
        loss: for models that are not compiled.
        evaluate_on: `"test"`, or `"validation"` while hyperparameters are still to be chosen.
        metric: what is compared, by its name in the logs of Keras's `evaluate`.
    """

    epochs: int
    optimizer: Callable[[int], keras.Optimizer]
    loss: Any
    evaluate_on: str
    metric: str


def default_optimizer(steps: int) -> keras.Optimizer:
    """AdamW, warmed up over a tenth of the steps to 3e-3, and back to zero along a cosine."""
    warmup = 1 + steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=3e-3, warmup_steps=warmup
    )
    return keras.optimizers.AdamW(schedule, weight_decay=0.05)


def built(build: Callable[..., keras.Model], seed: int, data, seen: weakref.WeakSet) -> keras.Model:
    """The variant's model from this seed, with its weights, compiled only if it comes so.

    `seen` are the models and optimizers of earlier runs, none of which may come again: it would be
    trained on.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = build(seed=seed) if takes_seed(build) else build()
    if not isinstance(model, keras.Model):
        raise ValueError(f"A variant's function must return a Keras model. Received: {model!r}")
    if model in seen:
        raise ValueError(
            "A variant's function must return a new model every time, for a model that comes again "
            f"is trained on. Received again: {model!r}"
        )
    seen.add(model)
    if not model.built:
        model(keras.tree.map_structure(lambda x: x[:1], _first_inputs(data)))
    return model


def compiled(model: keras.Model, data, recipe: Recipe, seen: weakref.WeakSet) -> keras.Model:
    """The model, ready to be trained.

    A model that comes compiled is trained and evaluated as its user compiled it.
    """
    if not model.compiled:
        optimizer = recipe.optimizer(recipe.epochs * steps_an_epoch(data))
        if not isinstance(optimizer, keras.Optimizer):
            raise _checks.refused("optimizer", "a function that returns an optimizer", optimizer)
        _check_new(optimizer, seen)
        if recipe.optimizer is default_optimizer:
            optimizer.exclude_from_weight_decay(var_list=weights_without_decay(model))
        model.compile(optimizer, recipe.loss, metrics=metrics_for(recipe.loss))
    else:
        _check_new(model.optimizer, seen)
    model.optimizer.build(model.trainable_variables)
    return model


def _check_new(optimizer: keras.Optimizer, seen: weakref.WeakSet) -> None:
    # With mixed precision Keras wraps it anew for every model.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if optimizer in seen:
        allowed = "a new one for every model: make it in the function that builds the model"
        raise _checks.refused("optimizer", allowed, optimizer)
    seen.add(optimizer)


def steps_an_epoch(data) -> int:
    """The number of batches of an epoch, which the schedule of a learning rate depends on."""
    try:
        return len(data.train_at(0))
    except TypeError as error:
        raise _checks.refused(
            "data", f"one whose epochs know their length ({error})", data.name
        ) from error


def train(
    model: keras.Model,
    data,
    recipe: Recipe,
    checkpoint: Checkpoint,
    progress: Progress,
    processes: int = 1,
) -> dict[str, Any]:
    """Train and evaluate a model, from where an interrupted run of it stopped.

    With several `processes` at work on the device, the record of the hardware says so.

    Returns:
        Scores, seconds of training, versions, hardware and date.
    """
    seconds = checkpoint.restore(model).get("seconds", [])
    averaging = _Averaging()
    for epoch in range(len(seconds), recipe.epochs):
        start = time.perf_counter()
        history = model.fit(
            data.train_at(epoch),
            epochs=epoch + 1,
            initial_epoch=epoch,
            shuffle=False,
            callbacks=[averaging],
            verbose=progress.keras_verbose,
        ).history
        seconds.append(time.perf_counter() - start)
        progress.epoch(epoch + 1, {key: values[-1] for key, values in history.items()})
        if epoch + 1 < recipe.epochs:
            averaging.undo()
            checkpoint.save(model, {"seconds": seconds})
    return {
        **_scores(model, data, recipe),
        "seconds": sum(seconds),
        "versions": versions(),
        "hardware": {**hardware(), **({"processes": processes} if processes > 1 else {})},
        "date": datetime.date.today().isoformat(),
    }


class _Averaging(keras.callbacks.Callback):
    """Undoes what every call of `fit` ends with where an optimizer averages the weights."""

    def on_epoch_end(self, epoch, logs=None):
        self._weights = weights_before_averaging(self.model)

    def undo(self) -> None:
        give_back_weights(self.model, self._weights)


def _scores(model: keras.Model, data, recipe: Recipe) -> dict[str, float | None]:
    # In inference mode, so that it can stand beside the other two.
    splits = {"train": data.train_at(recipe.epochs - 1), "validation": data.validation}
    if recipe.evaluate_on == "test":
        splits["test"] = data.test
    found = {
        split: model.evaluate(batches, verbose=0, return_dict=True)
        for split, batches in splits.items()
    }
    record: dict[str, float | None] = {}
    # A model with a step of its own need not tell a loss.
    for quantity in dict.fromkeys((recipe.metric, "loss")):
        if quantity not in found["validation"]:
            continue
        record[f"test_{quantity}"] = None
        for split, scores in found.items():
            value = float(scores[quantity])
            record[f"{split}_{quantity}"] = value if math.isfinite(value) else None
    return record


def _first_inputs(data) -> Any:
    """As NumPy arrays."""
    for batch in data.validation:
        x, _, _ = keras.utils.unpack_x_y_sample_weight(tuple(batch))
        return keras.tree.map_structure(keras.ops.convert_to_numpy, x)
    raise _checks.refused("data", "one with validation examples", data.name)
