"""What a trial logs: an objective that is not among it, and losses that are not numbers."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras

from keras_negact.tuning._keras_tuner import keras_tuner
from keras_negact.tuning.finite_loss import refuse_nan_loss


def check_results(results: Any, objectives: Iterable[str]) -> None:
    """Look at what keras-tuner's `run_trial` returned.

    Raises:
        FatalValueError: keras-tuner's, which ends the search, for an objective that is missing.
        NanLoss: for a loss that is infinite or not a number.
    """
    for logs in _logs_of(results):
        for name in objectives:
            if name not in logs:
                raise _missing(name, logs)
        for name, values in logs.items():
            for value in values:
                refuse_nan_loss(name, value, "the results")


def check_objectives(
    objectives: Iterable[str], model: keras.Model, fit_args: tuple, fit_kwargs: Mapping[str, Any]
) -> None:
    """Look at what a model is going to log, as far as that can be known before it is trained.

    Args:
        objectives: their names.
        model: of a point of the space; its variables are made, and do not change.
        fit_args, fit_kwargs: what it is going to be trained with.

    Raises:
        FatalValueError: keras-tuner's, which ends the search, for an objective that is missing.
    """
    from keras_negact.training.data import source_of
    from keras_negact.training.sources import Stream
    from keras_negact.training.state import build_for_training, has_own_step

    given = {**dict(zip(("x", "y"), fit_args, strict=False)), **fit_kwargs}
    adds_to_logs = bool(given.get("callbacks"))
    tests_itself = type(model).test_step is not keras.Model.test_step
    if not model.compiled or has_own_step(model) or tests_itself or adds_to_logs:
        return
    source = source_of(given.get("x"), given.get("y"), shuffle=False)
    if isinstance(source, Stream):
        # Its first batch would be lost to the trials.
        return
    build_for_training(model, source.example)
    names = list(model.get_metrics_result())
    if given.get("validation_data") is not None or given.get("validation_split"):
        names += [f"val_{name}" for name in names]
    for name in objectives:
        if name not in names:
            raise _missing(name, names)


def _logs_of(results: Any) -> Iterator[Mapping[str, list]]:
    for result in results if isinstance(results, list) else [results]:
        if isinstance(result, keras.callbacks.History):
            yield result.history
        elif isinstance(result, dict):
            yield {name: [value] for name, value in result.items()}


def _missing(objective: str, logs: Iterable[str]) -> Exception:
    hint = " and `search` gets validation data" if objective.startswith("val_") else ""
    return keras_tuner.errors.FatalValueError(
        f"`objective` must be one of what the trials log, which is {', '.join(sorted(logs))}. "
        f"See that its name is right{hint}. Received: {objective!r}"
    )
