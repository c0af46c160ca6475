"""What the tuners ask of their arguments."""

import inspect
from typing import Any

from keras_negact import _checks
from keras_negact.tuning._keras_tuner import keras_tuner
from keras_negact.tuning.search.results import SearchResults
from keras_negact.tuning.space.budget import Budget

_CALLED_OTHERWISE = {
    "distribution_strategy": "Give it as `strategy`.",
    "max_consecutive_failed_trials": (
        "Failures in a row do not end a search here. `max_failed_trials` says after how many "
        "failed trials, in all, no further ones are made up for."
    ),
}
_OF_ORACLE = ("allow_new_entries", "hyperparameters", "tune_new_entries")
_OF_TUNER = ("logger", "loss", "max_model_size", "metrics", "optimizer", "tuner_id")


def of_tuner_and_oracle(
    tuner: type, arguments: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part keras-tuner's own arguments into those of its tuners and those of its oracles.

    Args:
        tuner: the class that was given them.
        arguments: those that `CarefulTuner` has no names for.

    Raises:
        TypeError: for one that is not known, or is called otherwise here.
    """
    for name in _CALLED_OTHERWISE.keys() & arguments.keys():
        raise TypeError(f"`{name}` is not taken. {_CALLED_OTHERWISE[name]}")
    taken = {*_named(tuner), *_OF_ORACLE, *_OF_TUNER}
    for name in arguments.keys() - taken:
        raise TypeError(
            f"{tuner.__name__} has no argument `{name}`. It takes {', '.join(sorted(taken))}. "
            f"Received: {name}={arguments[name]!r}"
        )
    of_tuner = {name: value for name, value in arguments.items() if name in _OF_TUNER}
    return of_tuner, {name: value for name, value in arguments.items() if name not in of_tuner}


def _named(tuner: type) -> set[str]:
    """The arguments by name of a tuner of this package and of those that it inherits from."""
    inits = [kind.__init__ for kind in tuner.__mro__ if issubclass(kind, SearchResults)]
    return {
        name
        for init in inits
        for name, parameter in inspect.signature(init).parameters.items()
        if name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


def check_hypermodel(hypermodel: Any, budget: Budget | None) -> None:
    """Something that builds networks, and that tells their cost if there is a budget."""
    if not isinstance(hypermodel, keras_tuner.HyperModel):
        try:
            _checks.function("hypermodel", hypermodel, arguments=1)
        except ValueError:
            allowed = "a LENIHyperModel, a hypermodel of keras-tuner or a function build(hp)"
            raise _checks.refused("hypermodel", allowed, hypermodel) from None
    if budget is None:
        return
    _checks.instance("budget", budget, Budget)
    if not hasattr(hypermodel, "cost"):
        allowed = "one that knows what its networks cost, such as LENIHyperModel, with a `budget`"
        raise _checks.refused("hypermodel", allowed, hypermodel)


def objective_of(objective: Any) -> keras_tuner.Objective:
    """keras-tuner's objective for a name, an objective, or a list of them."""
    for one in objective if isinstance(objective, list) and objective else [objective]:
        if not isinstance(one, keras_tuner.Objective) and not (isinstance(one, str) and one):
            allowed = "the name of a metric, a keras_tuner.Objective or a list of those"
            raise _checks.refused("objective", allowed, objective)
    try:
        return keras_tuner.Oracle(objective).objective
    except ValueError as error:
        allowed = "a keras_tuner.Objective with a direction, where the name does not tell it"
        raise _checks.refused("objective", allowed, objective) from error


def optional_integer(name: str, value: Any, minimum: int) -> int | None:
    """`None`, or an integer of at least so much."""
    return None if value is None else _checks.integer(name, value, minimum)


def optional_strategy(strategy: Any) -> Any:
    """`None`, or a strategy of `tf.distribute`."""
    if strategy is not None and not hasattr(strategy, "num_replicas_in_sync"):
        raise _checks.refused("strategy", "None or a strategy of tf.distribute", strategy)
    return strategy
