"""Writes the artifacts of the version of the package that is on the path.

    PYTHONPATH=OTHER_CHECKOUT python tests/artifacts/make.py tests/artifacts/VERSION

Run once for a version, with the old code; what it wrote is never written again.
"""

import pathlib
import shutil
import sys

import networks
import numpy as np

import keras_negact
from keras_negact.comparison import checkpoint


def write_models(folder: pathlib.Path) -> None:
    swapped = keras_negact.clone_with_activation(
        networks.perturbed(networks.source_network()), "on_off_relu", channels="double"
    )
    swapped = getattr(swapped, "model", swapped)
    source = keras_negact.clone_with_activation(networks.source_network(), "leni")
    folded = keras_negact.fold_for_inference(networks.perturbed(getattr(source, "model", source)))
    models = {
        "leni": networks.leni_network(),
        "leni_ranks": networks.leni_ranks_network(),
        "on_off": networks.on_off_network(),
        "helpers": networks.helpers_network(),
        "swapped": swapped,
        "folded": getattr(folded, "model", folded),
    }
    for name, model in models.items():
        inputs = networks.inputs_of(model)
        arrays = {f"input{i}": value for i, value in enumerate(inputs)}
        if name in ("leni", "leni_ranks"):
            started = networks.outputs_of(model, inputs)
            arrays |= {f"start {key}": value for key, value in started.items()}
        if name != "folded":
            networks.perturbed(model)
        outputs = networks.outputs_of(model, inputs)
        arrays |= {f"output {key}": value for key, value in outputs.items()}
        model.save(folder / f"{name}.keras")
        np.savez_compressed(folder / f"{name}.npz", **arrays)


def write_backup(folder: pathlib.Path) -> None:
    networks.train(folder / "backup", networks.CUT_AFTER)
    whole = networks.train(folder / "whole", networks.EPOCHS)
    shutil.rmtree(folder / "whole")
    np.savez_compressed(folder / "backup.npz", *whole.get_weights())


def write_search(folder: pathlib.Path) -> None:
    tuner, _ = networks.search(folder / "search", 3)
    tuner.search()


def write_comparison(folder: pathlib.Path) -> None:
    """One seed finished, and the first run of the second cut in its third epoch."""
    networks.compare(folder / "comparison", 1)
    checkpoint.SECONDS_BETWEEN = 0.0
    save = checkpoint.Checkpoint.save

    class Cut(Exception):
        pass

    def save_and_stop(self, model, progress):
        save(self, model, progress)
        raise Cut

    checkpoint.Checkpoint.save = save_and_stop
    try:
        networks.compare(folder / "comparison", 2)
    except Cut:
        checkpoint.Checkpoint.save = save
    whole = folder / "whole"
    networks.compare(whole, 2)
    weights = {}
    for activation in networks.VARIANTS:
        weights |= networks.compared_weights(whole, activation)
    shutil.rmtree(whole)
    shutil.rmtree(folder / "comparison" / "weights")
    np.savez_compressed(folder / "comparison.npz", **weights)
    for picture in (folder / "comparison").glob("*.png"):
        picture.unlink()


def main(folder: pathlib.Path) -> None:
    print("keras_negact", keras_negact.__version__, "of", keras_negact.__file__)
    folder.mkdir(parents=True)
    write_models(folder)
    write_backup(folder)
    write_search(folder)
    write_comparison(folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
