"""Wrong values for `keras_negact.layers`."""

import keras
import numpy as np

from tests.reliability.wrong_values.row import NOT_A_COUNT, NOT_A_FLAG, NOT_A_NAME, rows

NOT_CHECKED = {
    # Judged by `keras.initializers.get` and its like.
    "layers.LooksLinear.initializer",
    *(
        f"layers.LENI.{part}_{kind}"
        for part in ("kernel", "scale", "compression", "bias")
        for kind in ("initializer", "regularizer", "constraint")
    ),
}

ROWS = [
    *rows(
        "layers.LENI",
        dict,
        activation=("nonsense", 5, keras.layers.ReLU, keras.layers.GlobalMaxPooling2D()),
        transform=("nonsense", 5, np.array([1, 2]), keras.layers.Conv2D(3, 3)),
        kernel_size=(0, 2, -3, 2.5, "3", True, None, (), (3, 2)),
        kernel_gain=(0, -1, float("nan"), "2", True),
        padding=("valid", 5, None),
        transform_groups=NOT_A_COUNT,
        normalization=("nonsense", 5, keras.layers.Conv2D(3, 3)),
        compression=("nonsense", 5),
        groups=NOT_A_COUNT,
        filters=NOT_A_COUNT[:-1],
        start=NOT_A_NAME,
        slope=(float("nan"), "steep", 1e300, 10**400),
        use_bias=NOT_A_FLAG,
        data_format=NOT_A_NAME,
    ),
    *rows(
        "layers.OnOffReLU",
        dict,
        max_value=(0, -1, float("nan"), "6", True),
        data_format=NOT_A_NAME,
    ),
    *rows(
        "layers.LooksLinear",
        dict,
        slope=(float("nan"), "steep", None, 1e300, 10**400),
    ),
    *rows(
        "layers.RetinalOpponency",
        dict,
        scales=NOT_A_COUNT,
        learnable=NOT_A_FLAG,
        luminance=NOT_A_FLAG,
        data_format=NOT_A_NAME,
    ),
    *rows("layers.weights_without_decay", dict, layer=(None, "model", 5)),
]
