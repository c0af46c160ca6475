"""The table of wrong values: for every public argument, what must be refused."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

PUBLIC_MODULES = (
    "keras_negact.layers",
    "keras_negact.surgery",
    "keras_negact.comparison",
    "keras_negact.training",
    "keras_negact.models",
    "keras_negact.analysis",
    "keras_negact.tuning",
)

NOT_CHECKED = {
    "keras_negact.models.check_network_name",
    # Results: made by the package, read by its users.
    "keras_negact.comparison.Summary",
    "keras_negact.comparison.VariantSummary",
    "keras_negact.comparison.weights_path",
    "keras_negact.surgery.Plan",
    "keras_negact.surgery.Site",
    # Judged by `keras.initializers.get` and its like, by Keras's `compile` or with the data.
    "comparison.compare_activations.loss",
    "layers.LooksLinear.initializer",
    *(
        f"layers.LENI.{part}_{kind}"
        for part in ("kernel", "scale", "compression", "bias")
        for kind in ("initializer", "regularizer", "constraint")
    ),
    *(f"training.evaluate.{argument}" for argument in ("y", "sample_weight")),
    *(f"training.fit.{argument}" for argument in ("y", "sample_weight", "validation_data")),
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


def _rows(where: str, rest: Callable[[], dict], /, **wrong: tuple) -> list[Row]:
    return [Row(where, argument, values, rest) for argument, values in wrong.items()]


NOT_A_MODEL = (None, "model", 5, keras.layers.ReLU)


def data_of_a_comparison():
    from tests.support.comparisons import tiny_data

    return tiny_data()(0)


def comparison() -> dict:
    from tests.support.comparisons import tiny_network

    return {
        "variants": {"relu": tiny_network},
        "data": data_of_a_comparison(),
        "seeds": 1,
        "epochs": 1,
        "output_dir": "runs",
        "verbose": 0,
    }


def arrays() -> dict:
    split = (images(), np.zeros(8, "int32"))
    return {"name": "made up", "train": split, "validation": split, "test": split}


def network_to_train() -> keras.Model:
    model = keras.models.clone_model(network())
    model.compile("sgd", "mse")
    return model


def training() -> dict:
    return {"model": network_to_train(), "x": images(), "y": np.zeros((8, 3)), "verbose": 0}


NOT_A_SWAP = {
    "model": NOT_A_MODEL,
    "activation": ("nonsense", 5, None, keras.layers.Dropout(0.5), keras.layers.Conv2D(4, 3)),
    "where": ([], "(", 5, "nothing that is there"),
    "inputs": ("images", 5),
    "channels": NOT_A_NAME,
    "on_conflict": NOT_A_NAME,
    "source": (5, "nonsense", ["nonsense"]),
    "synchronized": NOT_A_FLAG,
    "trainable": ("old", 5, True),
}

NOT_A_COUNT_OR_NONE = NOT_A_COUNT[:-1]
OF_A_TUNER = {
    "hypermodel": (None, 5, "nonsense"),
    "objective": (None, 5, "", [], [5], "nonsense"),
    "max_trials": NOT_A_COUNT_OR_NONE,
}

ROWS = [
    *_rows(
        "layers.LENI",
        dict,
        activation=("nonsense", 5, keras.layers.ReLU, keras.layers.GlobalMaxPooling2D()),
        transform=("nonsense", 5, keras.layers.Conv2D(3, 3)),
        kernel_size=(0, 2, -3, 2.5, "3", True, None, (), (3, 2)),
        kernel_gain=(0, -1, float("nan"), "2", None, True),
        padding=("valid", 5, None),
        transform_groups=NOT_A_COUNT,
        normalization=("nonsense", 5, keras.layers.Conv2D(3, 3)),
        compression=("nonsense", 5),
        groups=NOT_A_COUNT,
        filters=NOT_A_COUNT[:-1],
        start=NOT_A_NAME,
        slope=(float("nan"), "steep"),
        use_bias=NOT_A_FLAG,
        data_format=NOT_A_NAME,
    ),
    *_rows(
        "layers.OnOffReLU",
        dict,
        max_value=(0, -1, float("nan"), "6", True),
        data_format=NOT_A_NAME,
    ),
    *_rows(
        "layers.LooksLinear",
        dict,
        slope=(float("nan"), "steep", None),
    ),
    *_rows(
        "layers.RetinalOpponency",
        dict,
        scales=NOT_A_COUNT,
        learnable=NOT_A_FLAG,
        luminance=NOT_A_FLAG,
        data_format=NOT_A_NAME,
    ),
    *_rows(
        "surgery.keep_channels",
        dict,
        weights=(5, "gamma", {5: 0}, {"gamma": "last"}),
        config=(5, {"filters": 3}, lambda: {}),
        linear=NOT_A_FLAG,
        idle=NOT_A_FLAG,
        scale_and_shift=(5, lambda: 1),
        function=("nonsense", 5),
        kernels=(None, "kernel", 5, (5,)),
        multiply_adds=(5, lambda: 1),
    ),
    *_rows(
        "surgery.mix_channels",
        dict,
        kernel=(None, 5, ""),
        input_axis=("last", None, 1.5),
        output_axis=("last", None, 1.5),
        bias=(5, ""),
        width=(None, 5, ""),
        at_input=NOT_A_FLAG,
        multiply_adds=(5, lambda: 1),
    ),
    *_rows(
        "surgery.refuse",
        lambda: {"reason": "it counts"},
        reason=(None, 5, ""),
        kernels=(None, "kernel", 5, (5,)),
        multiply_adds=(5, lambda: 1),
    ),
    *_rows("surgery.new_layers", dict, clone=NOT_A_MODEL),
    *_rows("layers.weights_without_decay", dict, layer=(None, "model", 5)),
    *_rows("surgery.plan_activation_swap", lambda: {"model": network()}, **NOT_A_SWAP),
    *_rows("surgery.clone_with_activation", lambda: {"model": network()}, **NOT_A_SWAP),
    *_rows(
        "comparison.compare_activations",
        comparison,
        variants=(None, [], {}, {"relu": 5}, {"x" * 101: network, "relu": network}),
        data=("digits", None, 5),
        seeds=(0, -1, True, "3", [], [1, 1], [-1], [0.5]),
        epochs=NOT_A_COUNT,
        output_dir=(None, 5, ""),
        reference=("gelu", None),
        optimizer=("adam", 5, lambda: None),
        metric=(None, 5, ""),
        mode=NOT_A_NAME,
        evaluate_on=("train", None, 5),
        protocol=("all", 5),
        keep_weights=NOT_A_FLAG,
        share=(3, (2, 2), (0, 0), (0.5, 2), "01", None),
        name=("../x", "/tmp/x", "a/b", "", None, 5, "x" * 300),
        verbose=(7, "yes", None),
    ),
    *_rows(
        "comparison.activation_variants",
        lambda: {"build": network},
        build=(None, 5, "network"),
        activations=(["nonsense"], 5, "relu", None),
        fresh=NOT_A_FLAG,
    ),
    *_rows(
        "comparison.seeds_needed",
        lambda: {"pilot": [0.1, 0.2], "difference": 0.1},
        pilot=([], [1], [1, float("nan")], None),
        difference=(0, -1, float("nan"), "1", None),
        significance=(0, 1, float("nan"), "x"),
        power=(0, 1, float("nan"), "x"),
    ),
    *_rows(
        "comparison.array_data",
        arrays,
        name=(None, 5, ""),
        train=(None, 5, (images(),), (images(), np.zeros(3)), (images(0), np.zeros(0))),
        validation=(None, 5, (images(),)),
        test=(None, 5, (images(),)),
        batch_size=NOT_A_COUNT,
        largest_shift=(-1, 2.5, True, "3", None),
        mirror=NOT_A_FLAG,
        workers=NOT_A_COUNT,
    ),
    *_rows("comparison.Variant", lambda: {"build": network}, build=(None, 5), activation=(5,)),
    *_rows("comparison.read_runs", dict, where=(None, 5)),
    *_rows("comparison.summarize", dict, runs=(None, 5, [])),
    *_rows("comparison.summarize", lambda: {"runs": ["nowhere"]}, reference=(None, 5)),
    *_rows(
        "training.Backup",
        lambda: {"directory": "backup"},
        directory=(None, 5, ""),
        save_every=NOT_A_COUNT,
    ),
    *_rows(
        "training.fit",
        training,
        model=NOT_A_MODEL,
        x=(None, "digits", images(0)),
        batch_size=NOT_A_COUNT[:-1],
        epochs=(-1, 2.5, "3", True, None),
        verbose=(7, "loud"),
        callbacks=("early_stopping", keras.callbacks.EarlyStopping, 5),
        validation_split=(-0.1, 1.5, "half", float("nan")),
        shuffle=("yes", 5),
        class_weight=("balanced", 5),
        initial_epoch=(-1, 2.5, "3", None),
        steps_per_epoch=NOT_A_COUNT[:-1],
        validation_steps=NOT_A_COUNT[:-1],
        validation_batch_size=NOT_A_COUNT[:-1],
        validation_freq=(0, -1, 2.5, "often", None),
    ),
    *_rows(
        "training.evaluate",
        training,
        model=NOT_A_MODEL,
        x=(None, "digits", images(0)),
        batch_size=NOT_A_COUNT[:-1],
        steps=NOT_A_COUNT[:-1],
        verbose=(7, "loud"),
        return_dict=NOT_A_FLAG,
    ),
    *_rows(
        "training.make_strategy",
        dict,
        name=NOT_A_NAME,
        replicas=NOT_A_COUNT[:-1],
        timeout=(0, -5, float("nan"), "5"),
    ),
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
        normalization=NOT_A_NAME,
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
