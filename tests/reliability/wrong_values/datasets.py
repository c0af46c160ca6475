"""Wrong values for `keras_negact.datasets`."""

from tests.reliability.wrong_values.row import NOT_A_COUNT, NOT_A_FLAG, NOT_A_NAME, rows

NOT_CHECKED = {
    # A result: made by the package, read by its users.
    "keras_negact.datasets.Dataset",
}

ROWS = [
    *rows(
        "datasets.load_dataset",
        lambda: {"name": "digits", "batch_size": 8},
        name=(None, 5, "mnist", ["digits"]),
        batch_size=NOT_A_COUNT,
        data_dir=(5, "", ["data"], True),
        download=NOT_A_FLAG,
        limit=(0, 1, -1, 2.5, True, "3"),
        seed=(-1, 2.5, "3", True, None),
        augment=NOT_A_FLAG,
    ),
    *rows(
        "datasets.is_prepared",
        lambda: {"name": "digits"},
        name=NOT_A_NAME,
        data_dir=(5, "", ["data"], True),
    ),
]
