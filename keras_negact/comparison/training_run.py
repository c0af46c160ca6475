"""One run: a variant trained from one seed, and what came of it."""

import dataclasses
import datetime
import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_negact.comparison import costs
from keras_negact.comparison.checkpoint import Checkpoint
from keras_negact.comparison.environment import hardware, versions
from keras_negact.comparison.progress import Progress
from keras_negact.comparison.variants import takes_seed
from keras_negact.surgery.handlers import function_of


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the models of a comparison are trained.

    Attributes:
        epochs: how long.
        optimizer: from the number of steps to an optimizer, for models that are not compiled.
        loss: for models that are not compiled.
        evaluate_on: `"test"`, or `"validation"` while hyperparameters are still to be chosen.
    """

    epochs: int
    optimizer: Callable[[int], keras.Optimizer]
    loss: Any
    evaluate_on: str


def default_optimizer(steps: int) -> keras.Optimizer:
    """AdamW, warmed up over a tenth of the steps to 3e-3, and back to zero along a cosine."""
    warmup = 1 + steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=3e-3, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.05)
    optimizer.exclude_from_weight_decay(var_names=["scale", "gamma", "beta", "bias", "alpha"])
    return optimizer


def compiled(build: Callable[..., keras.Model], seed: int, data, recipe: Recipe) -> keras.Model:
    """The variant's model from this seed, ready to be trained."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = build(seed=seed) if takes_seed(build) else build()
    if not isinstance(model, keras.Model):
        raise ValueError(f"A variant's function must return a Keras model. It returned {model!r}")
    if model.compiled:
        optimizer, loss, jit_compile = model.optimizer, model.loss, model.jit_compile
    else:
        steps = recipe.epochs * len(data.train_at(0))
        optimizer, loss, jit_compile = recipe.optimizer(steps), recipe.loss, "auto"
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=jit_compile)
    if not model.built:
        model(_first_batch(data)[0][:1])
    optimizer.build(model.trainable_variables)
    return model


def described(name: str, build, seed: int, data, model: keras.Model) -> dict[str, Any]:
    """What a run is, before it is trained."""
    return {
        "activation": getattr(build, "activation", None) or _activation_in(model) or name,
        "variant": name,
        "seed": seed,
        "model": model.name,
        "dataset": data.name,
        "parameters": costs.parameters(model),
        "multiply_adds": costs.multiply_adds(model),
        "optimizer": plain(keras.optimizers.serialize(model.optimizer)),
    }


def train(
    model: keras.Model,
    data,
    recipe: Recipe,
    checkpoint: Checkpoint,
    progress: Progress,
    processes: int = 1,
) -> dict[str, Any]:
    """Train and evaluate a model, from where an interrupted run of it stopped.

    With several `processes` at work on the device, the record of the hardware says so: times of
    such runs are not those of others.

    Returns:
        Accuracies, losses, times, versions, hardware and date.
    """
    seconds = checkpoint.restore(model).get("seconds", [])
    for epoch in range(len(seconds), recipe.epochs):
        start = time.perf_counter()
        history = model.fit(
            data.train_at(epoch),
            epochs=epoch + 1,
            initial_epoch=epoch,
            shuffle=False,
            verbose=progress.keras_verbose,
        ).history
        seconds.append(time.perf_counter() - start)
        progress.epoch(epoch + 1, {key: values[-1] for key, values in history.items()})
        if epoch + 1 < recipe.epochs:
            checkpoint.save(model, {"seconds": seconds})
    images, _ = _first_batch(data)
    steps = len(data.train_at(0))
    return {
        **_accuracies(model, data, recipe),
        # The first epoch compiles.
        "seconds_per_step": statistics.median(seconds[1:] or seconds) / steps,
        "inference_ms": costs.inference_milliseconds(model, images),
        "inference_batch": len(images),
        "seconds": sum(seconds),
        "versions": versions(),
        "hardware": {**hardware(), **({"processes": processes} if processes > 1 else {})},
        "date": datetime.date.today().isoformat(),
    }


def _accuracies(model: keras.Model, data, recipe: Recipe) -> dict[str, float | None]:
    # In inference mode, so that it can stand beside the other two.
    splits = {"train": data.train_at(recipe.epochs - 1), "validation": data.validation}
    if recipe.evaluate_on == "test":
        splits["test"] = data.test
    record: dict[str, float | None] = {"test_accuracy": None, "test_loss": None}
    for split, batches in splits.items():
        scores = model.evaluate(batches, verbose=0, return_dict=True)
        for quantity in ("accuracy", "loss"):
            value = float(scores[quantity])
            record[f"{split}_{quantity}"] = value if math.isfinite(value) else None
    return record


def _first_batch(data) -> tuple[np.ndarray, np.ndarray]:
    x, y = next(iter(data.validation))
    return keras.ops.convert_to_numpy(x), keras.ops.convert_to_numpy(y)


def _activation_in(model: keras.Model) -> str | None:
    """The function of the model's activation layers, where all have the same."""
    functions = (function_of(layer) for layer in model.layers)
    names = {function.name for function in functions if function is not None}
    return names.pop() if len(names) == 1 else None


def plain(value: Any) -> Any:
    """As it will be when it has been to JSON and back."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return repr(value)
