"""Wrong values for `keras_negact.comparison`."""

import numpy as np

from tests.reliability.wrong_values.row import (
    NOT_A_COUNT,
    NOT_A_FLAG,
    NOT_A_NAME,
    images,
    network,
    rows,
)


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


NOT_CHECKED = {
    # Results: made by the package, read by its users.
    "keras_negact.comparison.Summary",
    "keras_negact.comparison.VariantSummary",
    # Judged by Keras's `compile`.
    "comparison.compare_activations.loss",
}

ROWS = [
    *rows(
        "comparison.compare_activations",
        comparison,
        variants=(None, [], {}, {"relu": 5}, {"x" * 101: network, "relu": network}),
        data=("digits", None, 5, lambda: None),
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
    *rows(
        "comparison.activation_variants",
        lambda: {"build": network},
        build=(None, 5, "network"),
        activations=(["nonsense"], 5, "relu", None),
        fresh=NOT_A_FLAG,
    ),
    *rows(
        "comparison.seeds_needed",
        lambda: {"pilot": [0.1, 0.2], "difference": 0.1},
        pilot=([], [1], [1, float("nan")], None),
        difference=(0, -1, float("nan"), "1", None),
        significance=(0, 1, float("nan"), "x"),
        power=(0, 1, float("nan"), "x"),
    ),
    *rows(
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
    *rows("comparison.Variant", lambda: {"build": network}, build=(None, 5), activation=(5,)),
    *rows("comparison.read_runs", dict, where=(None, 5)),
    *rows("comparison.summarize", dict, runs=(None, 5, [])),
    *rows("comparison.summarize", lambda: {"runs": ["nowhere"]}, reference=(None, 5)),
]
