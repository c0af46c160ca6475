"""Wrong values for `keras_negact.surgery`."""

import keras

from tests.reliability.wrong_values.row import NOT_A_FLAG, NOT_A_MODEL, NOT_A_NAME, network, rows

NOT_A_SWAP = {
    "model": NOT_A_MODEL,
    "activation": (
        *("nonsense", 5, None, keras.layers.Dropout(0.5), keras.layers.Conv2D(4, 3)),
        keras.Sequential([keras.layers.ReLU()]),
    ),
    "where": ([], "(", 5, "nothing that is there", lambda: True, keras.layers.ReLU),
    "inputs": ("images", 5),
    "channels": NOT_A_NAME,
    "on_conflict": NOT_A_NAME,
    "source": (5, "nonsense", ["nonsense"]),
    "synchronized": NOT_A_FLAG,
    "trainable": ("old", 5, True),
}

NOT_CHECKED = {
    # Results: made by the package, read by its users.
    "keras_negact.surgery.FoldingPlan",
    "keras_negact.surgery.Plan",
    "keras_negact.surgery.Site",
}

ROWS = [
    *rows(
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
    *rows(
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
    *rows(
        "surgery.refuse",
        lambda: {"reason": "it counts"},
        reason=(None, 5, ""),
        kernels=(None, "kernel", 5, (5,)),
        multiply_adds=(5, lambda: 1),
    ),
    *rows("surgery.new_layers", dict, clone=NOT_A_MODEL),
    *rows("surgery.plan_activation_swap", lambda: {"model": network()}, **NOT_A_SWAP),
    *rows("surgery.clone_with_activation", lambda: {"model": network()}, **NOT_A_SWAP),
    *rows("surgery.plan_folding", dict, model=NOT_A_MODEL),
    *rows(
        "surgery.fold_for_inference",
        lambda: {"model": network()},
        model=NOT_A_MODEL,
        verbose=("yes", 7, None),
    ),
]
