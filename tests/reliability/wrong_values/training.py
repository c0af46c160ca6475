"""Wrong values for `keras_negact.training`."""

import pathlib

import keras
import numpy as np

from tests.reliability.wrong_values.row import (
    NOT_A_COUNT,
    NOT_A_FLAG,
    NOT_A_MODEL,
    NOT_A_NAME,
    images,
    network,
    rows,
)


def network_to_train() -> keras.Model:
    model = keras.models.clone_model(network())
    model.compile("sgd", "mse")
    return model


def training() -> dict:
    return {"model": network_to_train(), "x": images(), "y": np.zeros((8, 3)), "verbose": 0}


NOT_CHECKED = {}

ROWS = [
    *rows(
        "training.Backup",
        lambda: {"directory": "backup"},
        directory=(None, 5, "", "\0", b"backup"),
        save_every=(*NOT_A_COUNT, np.array([1, 2])),
    ),
    *rows(
        "training.fit",
        training,
        model=NOT_A_MODEL,
        x=(None, "digits", images(0), pathlib.Path("digits"), ..., {1, 2}, [[1.0]], np.float32(1)),
        y=(np.zeros(0), [0.0] * 8, "labels"),
        sample_weight=([1.0] * 8, 5),
        validation_data=("digits", 5, (), (images(0), np.zeros((0, 3))), (images(), [0.0] * 8)),
        batch_size=(*NOT_A_COUNT[:-1], 2**64),
        epochs=(-1, 2.5, "3", True, None),
        verbose=(7, "loud"),
        callbacks=("early_stopping", keras.callbacks.EarlyStopping, 5),
        validation_split=(-0.1, 1.5, "half", float("nan")),
        shuffle=("yes", 5),
        class_weight=("balanced", 5, {"0": 1.0}, {0.5: 1.0}, {0: float("nan")}),
        initial_epoch=(-1, 2.5, "3", None),
        steps_per_epoch=NOT_A_COUNT[:-1],
        validation_steps=NOT_A_COUNT[:-1],
        validation_batch_size=NOT_A_COUNT[:-1],
        validation_freq=(0, -1, 2.5, "often", None),
    ),
    *rows(
        "training.evaluate",
        training,
        model=NOT_A_MODEL,
        x=(None, "digits", images(0), {1, 2}, [[1.0]]),
        y=(np.zeros(0), [0.0] * 8, "labels"),
        sample_weight=([1.0] * 8, 5),
        batch_size=NOT_A_COUNT[:-1],
        steps=NOT_A_COUNT[:-1],
        verbose=(7, "loud"),
        return_dict=NOT_A_FLAG,
    ),
    *rows(
        "training.make_strategy",
        dict,
        name=NOT_A_NAME,
        replicas=NOT_A_COUNT[:-1],
        timeout=(0, -5, float("nan"), "5"),
        verbose=(7, "loud", None),
    ),
]
