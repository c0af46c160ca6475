"""Wrong values for `keras_negact.models`."""

import numpy as np

from tests.reliability.wrong_values.row import NOT_A_COUNT, NOT_A_FLAG, NOT_A_NAME, rows

NOT_CHECKED: set[str] = set()

ROWS = [
    *rows(
        "models.cifar_resnet",
        dict,
        depth=(7, 9, 0, 20.0, "20", None),
        input_shape=((8, 8), "8x8", None, (0, 8, 3), (8, 8, None)),
        num_classes=NOT_A_COUNT,
        activation=("nonsense", 5, None, lambda x: x),
        width=NOT_A_COUNT,
        synchronized=NOT_A_FLAG,
    ),
    *rows(
        "models.on_off_cnn",
        lambda: {"input_shape": (8, 8, 3), "num_classes": 3},
        input_shape=((8,), "8x8", None, (0, 8, 3)),
        num_classes=NOT_A_COUNT,
        activation=("nonsense", 5, None, object, lambda: 0),
        protocol=(*NOT_A_NAME, np.array([1, 2])),
        normalization=NOT_A_NAME,
        retina=NOT_A_FLAG,
        width=NOT_A_COUNT,
        synchronized=NOT_A_FLAG,
    ),
    *rows(
        "models.network_by_name",
        lambda: {"name": "cifar_resnet8", "input_shape": (8, 8, 3), "num_classes": 3},
        name=(None, 5, "nonsense", "ResNet51", "cifar_resnet"),
        input_shape=((8, 8), None, (0, 8, 3)),
        num_classes=NOT_A_COUNT,
        activation=(None, 5, "nonsense"),
        synchronized=NOT_A_FLAG,
    ),
]
