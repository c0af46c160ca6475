"""One run: a variant trained from one seed, and what came of it."""

import dataclasses
import datetime
import math
import time
from collections.abc import Callable
from typing import Any

import keras

from keras_negact import _checks
from keras_negact.comparison import costs
from keras_negact.comparison.checkpoint import Checkpoint
from keras_negact.comparison.environment import hardware, versions
from keras_negact.comparison.progress import Progress
from keras_negact.comparison.variants import Variant, takes_seed
from keras_negact.layers import weights_without_decay
from keras_negact.surgery.handlers import function_of


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


def compiled(build: Callable[..., keras.Model], seed: int, data, recipe: Recipe) -> keras.Model:
    """The variant's model from this seed, ready to be trained.

    A model that comes compiled is trained and evaluated as its user compiled it.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = build(seed=seed) if takes_seed(build) else build()
    if not isinstance(model, keras.Model):
        raise ValueError(f"A variant's function must return a Keras model. Received: {model!r}")
    if not model.built:
        model(keras.tree.map_structure(lambda x: x[:1], _first_batch(data)[0]))
    if not model.compiled:
        optimizer = recipe.optimizer(recipe.epochs * steps_an_epoch(data))
        if not isinstance(optimizer, keras.Optimizer):
            raise _checks.refused("optimizer", "a function that returns an optimizer", optimizer)
        if recipe.optimizer is default_optimizer:
            optimizer.exclude_from_weight_decay(var_list=weights_without_decay(model))
        model.compile(optimizer, recipe.loss, metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    return model


def check_trains(model: keras.Model, data, recipe: Recipe) -> None:
    """Evaluate one batch, so that what does not go together is found now and not after hours."""
    x, y, weights = keras.utils.unpack_x_y_sample_weight(_first_batch(data))
    size = len(keras.tree.flatten(x)[0])
    try:
        scores = model.evaluate(x, y, size, 0, sample_weight=weights, return_dict=True)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"`{model.name}` cannot be evaluated on the first validation batch of {data.name}: "
            f"{type(error).__name__}: {reason}"
        ) from error
    if recipe.metric not in scores:
        raise _checks.refused("metric", f"one of {', '.join(scores)}", recipe.metric)


def steps_an_epoch(data) -> int:
    """The number of batches of an epoch, which the schedule of a learning rate depends on."""
    try:
        return len(data.train_at(0))
    except TypeError as error:
        raise _checks.refused(
            "data", f"one whose epochs know their length ({error})", data.name
        ) from error


def described(name: str, build, seed: int, data, model: keras.Model) -> dict[str, Any]:
    """What a run is, before it is trained."""
    return {
        "activation": _given_activation(build) or _activation_in(model) or name,
        "variant": name,
        "seed": seed,
        "model": model.name,
        "dataset": data.name,
        "parameters": costs.parameters(model),
        "multiply_adds": costs.multiply_adds(model),
        "optimizer": plain(keras.optimizers.serialize(model.optimizer)),
        # So that runs made before a default changed are never taken for runs made after.
        "layers": plain(_own_layers(model)),
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

    With several `processes` at work on the device, the record of the hardware says so.

    Returns:
        Scores, seconds of training, versions, hardware and date.
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
    return {
        **_scores(model, data, recipe),
        "seconds": sum(seconds),
        "versions": versions(),
        "hardware": {**hardware(), **({"processes": processes} if processes > 1 else {})},
        "date": datetime.date.today().isoformat(),
    }


def _scores(model: keras.Model, data, recipe: Recipe) -> dict[str, float | None]:
    # In inference mode, so that it can stand beside the other two.
    splits = {"train": data.train_at(recipe.epochs - 1), "validation": data.validation}
    if recipe.evaluate_on == "test":
        splits["test"] = data.test
    quantities = dict.fromkeys((recipe.metric, "loss"))
    record: dict[str, float | None] = {f"test_{quantity}": None for quantity in quantities}
    for split, batches in splits.items():
        scores = model.evaluate(batches, verbose=0, return_dict=True)
        for quantity in quantities:
            value = float(scores[quantity])
            record[f"{split}_{quantity}"] = value if math.isfinite(value) else None
    return record


def _first_batch(data) -> tuple:
    """Inputs, targets and, where there are some, weights, as NumPy arrays."""
    for batch in data.validation:
        return keras.tree.map_structure(keras.ops.convert_to_numpy, tuple(batch))
    raise _checks.refused("data", "one with validation examples", data.name)


def _own_layers(model: keras.Model) -> list[dict]:
    """The configurations of this package's layers in a model, each once, without names."""
    found = []
    pending = list(model.layers)
    for layer in pending:
        pending += getattr(layer, "layers", None) or []
        if keras.saving.get_registered_name(type(layer)).startswith("keras_negact"):
            config = keras.saving.serialize_keras_object(layer)["config"]
            config = {key: value for key, value in config.items() if key != "name"}
            entry = {"class": type(layer).__name__, **config}
            if entry not in found:
                found.append(entry)
    return found


def _given_activation(build) -> str | None:
    return build.activation if isinstance(build, Variant) else None


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
