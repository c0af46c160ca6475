"""Wrong values for `keras_negact.tuning`."""

import sys

import keras

from tests.reliability.wrong_values.row import NOT_A_COUNT, NOT_A_FLAG, network, rows


def compiled_network() -> keras.Model:
    model = network()
    model.compile("sgd", "mse")
    return model


def search_space() -> dict:
    # Here, so that the table can be read without the extra.
    import keras_tuner

    return {"hp": keras_tuner.HyperParameters()}


def build(hp):
    hp.Choice("units", [1, 2])
    return compiled_network()


NOT_A_COUNT_OR_NONE = NOT_A_COUNT[:-1]
OF_A_TUNER = {
    "hypermodel": (None, 5, "nonsense", lambda: None),
    "objective": (None, 5, "", [], [5], "nonsense"),
    "max_trials": NOT_A_COUNT_OR_NONE,
}

NOT_CHECKED = {
    # A result: made by the package, read by its users.
    "keras_negact.tuning.Cost",
}

ROWS = [
    *rows(
        "tuning.Budget",
        lambda: {"max_cost": 2},
        max_cost=(None, "2", 0.5, float("nan"), True),
        measure=(None, 5, "seconds"),
    ),
    *rows(
        "tuning.RandomSearch",
        lambda: {"hypermodel": build},
        **OF_A_TUNER,
        budget=(2, "2"),
        seed=(-1, 2.5, "3", True),
        executions_per_trial=NOT_A_COUNT,
        max_retries_per_trial=(-1, 2.5, "3", True, None),
        max_failed_trials=(-1, 2.5, "3", True),
        strategy=("mirrored", 2),
        directory=(5, "", "\0"),
        project_name=(None, 5, "", "a/b", "..", "n" * 300),
        overwrite=NOT_A_FLAG,
    ),
    *rows(
        "tuning.BayesianOptimization",
        lambda: {"hypermodel": build},
        **OF_A_TUNER,
        num_initial_points=NOT_A_COUNT_OR_NONE,
        alpha=(None, "1", 0, float("nan")),
        beta=(None, "1", -1, float("nan")),
    ),
    *rows("tuning.GridSearch", lambda: {"hypermodel": build}, **OF_A_TUNER),
    *rows(
        "tuning.Hyperband",
        lambda: {"hypermodel": build},
        **OF_A_TUNER,
        max_epochs=NOT_A_COUNT,
        factor=(None, 1, 2.5, "3"),
        hyperband_iterations=NOT_A_COUNT_OR_NONE,
    ),
    *rows(
        "tuning.LENIHyperModel",
        lambda: {"base": compiled_network()},
        base=(None, 5, "nonsense"),
        where_choices=(5, "stem", {}, {"a": 5}, {"a": "nonsense"}),
        compile=(5, "sgd", lambda model: None),
        weights=(5,),
        learning_rate=("fast", lambda: 1, -1, float("nan"), True),
        weight_decay=("much", -1, float("nan"), True),
        synchronized=NOT_A_FLAG,
        seed=(-1, 2.5, "3", True),
        name=("", 5),
    ),
    *rows(
        "tuning.leni_search_space",
        search_space,
        hp=(None, 5, {}),
        prefix=(None, 5, ""),
        channels=(5, "8", b"8", [0], [2.5], []),
    ),
    *rows(
        "tuning.run_chief_and_workers",
        lambda: {"command": [sys.executable], "workers": 1, "directory": "logs"},
        command=(None, "python search.py", [], [5], ["no_such_program"]),
        workers=NOT_A_COUNT,
        directory=(None, 5, ""),
        gpus=(-1, 2.5, "3", True, None),
        verbose=(7, "loud", None),
    ),
    *rows("tuning.trial_rows", dict, tuner=(None, 5, "search", build)),
    *rows(
        "tuning.pareto_front",
        lambda: {"rows": [{"status": "COMPLETED", "score": 1.0}], "cost": "score"},
        rows=(None, 5, "rows", [5]),
        cost=(None, 5, "nonsense", "status"),
    ),
]
