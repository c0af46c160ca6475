"""The table of wrong values: for every public argument, what must be refused."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

PUBLIC_MODULES = (
    "keras_negact.models",
    "keras_negact.analysis",
    "keras_negact.tuning",
)

NOT_CHECKED = {
    "keras_negact.models.check_network_name",
    # Results: made by the package, read by its users.
    "keras_negact.analysis.NegativeInformationReport",
    "keras_negact.analysis.SiteReport",
    "keras_negact.tuning.Cost",
    # keras-tuner's own object, which it gives to `build`.
    "tuning.leni_search_space.hp",
}
"""What is public and not called by users, and arguments that only Keras itself can judge."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One argument and what it must not be.

    Attributes:
        where: the part of the package and the name of the function or class in it.
        argument: its name.
        wrong: the values.
        rest: the other arguments of a call that would be right.
    """

    where: str
    argument: str
    wrong: tuple
    rest: Callable[[], dict[str, Any]] = dict


def call(row: Row, value: Any) -> None:
    part, name = row.where.split(".")
    module = __import__(f"keras_negact.{part}", fromlist=[name])
    function = getattr(module, name)
    result = function(**{**row.rest(), row.argument: value})
    if isinstance(result, keras.Layer):
        # Some of a layer's arguments can only be judged once the channels are known.
        result.build((None, 8, 8, 4))


NOT_A_COUNT = (0, -1, 2.5, True, "3", None)
NOT_A_FLAG = ("yes", 1, None)
NOT_A_NAME = ("", 5, "nonsense")


@functools.cache
def network() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(4, 3, name="convolution"),
            keras.layers.ReLU(name="activation"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )


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


def images(count: int = 8) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 6, 6, 2)).astype("float32")


def _rows(where: str, rest: Callable[[], dict], **wrong: tuple) -> list[Row]:
    return [Row(where, argument, values, rest) for argument, values in wrong.items()]


NOT_A_MODEL = (None, "model", 5, keras.layers.ReLU)

NOT_A_COUNT_OR_NONE = NOT_A_COUNT[:-1]
OF_A_TUNER = {
    "hypermodel": (None, 5, "nonsense"),
    "objective": (None, 5, "", [], [5], "nonsense"),
    "max_trials": NOT_A_COUNT_OR_NONE,
}

ROWS = [
    *_rows(
        "models.cifar_resnet",
        dict,
        depth=(7, 9, 0, 20.0, "20", None),
        input_shape=((8, 8), "8x8", None, (0, 8, 3), (8, 8, None)),
        num_classes=NOT_A_COUNT,
        activation=("nonsense", 5, None, lambda x: x),
        width=NOT_A_COUNT,
        synchronized=NOT_A_FLAG,
    ),
    *_rows(
        "models.on_off_cnn",
        lambda: {"input_shape": (8, 8, 3), "num_classes": 3},
        input_shape=((8,), "8x8", None, (0, 8, 3)),
        num_classes=NOT_A_COUNT,
        activation=("nonsense", 5, None),
        protocol=NOT_A_NAME,
        retina=NOT_A_FLAG,
        width=NOT_A_COUNT,
        synchronized=NOT_A_FLAG,
    ),
    *_rows(
        "models.network_by_name",
        lambda: {"name": "cifar_resnet8", "input_shape": (8, 8, 3), "num_classes": 3},
        name=(None, 5, "nonsense", "ResNet51", "cifar_resnet"),
        input_shape=((8, 8), None, (0, 8, 3)),
        num_classes=NOT_A_COUNT,
        activation=(None, 5, "nonsense"),
        synchronized=NOT_A_FLAG,
    ),
    *_rows(
        "analysis.negative_information_report",
        lambda: {"model": network(), "data": images(), "verbose": 0},
        model=NOT_A_MODEL,
        data=("digits", None, 5, []),
        batch_size=NOT_A_COUNT,
        limit=NOT_A_COUNT[:-1],
        gradient_examples=NOT_A_COUNT,
        verbose=("yes", 7, None),
    ),
    *_rows(
        "analysis.draw_feature_maps",
        lambda: {"model": network(), "image": images()[0], "path": "maps.png"},
        model=NOT_A_MODEL,
        image=(None, images(), images()[0, 0], "image"),
        path=(None, 5, "no/such/folder/maps.png"),
        site=("nonsense", 5),
        channels=NOT_A_COUNT,
    ),
    *_rows(
        "analysis.ActivationMonitor",
        lambda: {"examples": images()},
        examples=("digits", None, 5, images(0)),
        every_epochs=NOT_A_COUNT[:-1],
        every_steps=NOT_A_COUNT[:-1],
        limit=NOT_A_COUNT,
        per_site=NOT_A_FLAG,
        warn_at=(2, -0.1, float("nan"), "all", None),
    ),
    *_rows(
        "tuning.Budget",
        lambda: {"max_cost": 2},
        max_cost=(None, "2", 0.5, float("nan"), True),
        measure=(None, 5, "seconds"),
    ),
    *_rows(
        "tuning.RandomSearch",
        lambda: {"hypermodel": build},
        **OF_A_TUNER,
        budget=(2, "2"),
        seed=(-1, 2.5, "3", True),
        executions_per_trial=NOT_A_COUNT,
        max_retries_per_trial=(-1, 2.5, "3", True, None),
        max_failed_trials=(-1, 2.5, "3", True),
        strategy=("mirrored", 2),
        directory=(5, ""),
        project_name=(None, 5, "", "a/b", "..", "n" * 300),
        overwrite=NOT_A_FLAG,
    ),
    *_rows(
        "tuning.BayesianOptimization",
        lambda: {"hypermodel": build},
        **OF_A_TUNER,
        num_initial_points=NOT_A_COUNT_OR_NONE,
        alpha=(None, "1", 0, float("nan")),
        beta=(None, "1", -1, float("nan")),
    ),
    *_rows("tuning.GridSearch", lambda: {"hypermodel": build}, **OF_A_TUNER),
    *_rows(
        "tuning.Hyperband",
        lambda: {"hypermodel": build},
        **OF_A_TUNER,
        max_epochs=NOT_A_COUNT,
        factor=(None, 1, 2.5, "3"),
        hyperband_iterations=NOT_A_COUNT_OR_NONE,
    ),
    *_rows(
        "tuning.LENIHyperModel",
        lambda: {"base": compiled_network()},
        base=(None, 5, "nonsense"),
        where_choices=(5, "stem", {}, {"a": 5}, {"a": "nonsense"}),
        compile=(5, "sgd"),
        weights=(5,),
        learning_rate=("fast", -1, float("nan"), True),
        weight_decay=("much", -1, float("nan"), True),
        synchronized=NOT_A_FLAG,
        seed=(-1, 2.5, "3", True),
        name=("", 5),
    ),
    *_rows(
        "tuning.leni_search_space",
        search_space,
        prefix=(None, 5, ""),
        channels=(5, "8", [0], [2.5], []),
    ),
    *_rows("tuning.trial_rows", dict, tuner=(None, 5, "search", build)),
    *_rows(
        "tuning.pareto_front",
        lambda: {"rows": [{"status": "COMPLETED", "score": 1.0}], "cost": "score"},
        rows=(None, 5, "rows", [5]),
        cost=(None, 5, "nonsense", "status"),
    ),
]
