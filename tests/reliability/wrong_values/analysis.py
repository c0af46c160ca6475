"""Wrong values for `keras_negact.analysis`."""

from tests.reliability.wrong_values.row import (
    NOT_A_COUNT,
    NOT_A_FLAG,
    NOT_A_MODEL,
    images,
    network,
    rows,
)

NOT_CHECKED = {
    # Results: made by the package, read by its users.
    "keras_negact.analysis.NegativeInformationReport",
    "keras_negact.analysis.SiteReport",
}

ROWS = [
    *rows(
        "analysis.negative_information_report",
        lambda: {"model": network(), "data": images(), "verbose": 0},
        model=NOT_A_MODEL,
        data=("digits", None, 5, []),
        batch_size=NOT_A_COUNT,
        limit=NOT_A_COUNT[:-1],
        gradient_examples=NOT_A_COUNT,
        verbose=("yes", 7, None),
    ),
    *rows(
        "analysis.draw_feature_maps",
        lambda: {"model": network(), "image": images()[0], "path": "maps.png"},
        model=NOT_A_MODEL,
        image=(None, images(), images()[0, 0], "image"),
        path=(None, 5, "no/such/folder/maps.png"),
        site=("nonsense", 5),
        channels=NOT_A_COUNT,
    ),
    *rows(
        "analysis.ActivationMonitor",
        lambda: {"examples": images()},
        examples=("digits", None, 5, images(0)),
        every_epochs=NOT_A_COUNT[:-1],
        every_steps=NOT_A_COUNT[:-1],
        limit=NOT_A_COUNT,
        per_site=NOT_A_FLAG,
        warn_at=(2, -0.1, float("nan"), "all", None),
    ),
]
