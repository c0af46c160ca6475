"""Whether anything died in the trained networks of `standard`."""

import json

import _accuracy_data
import keras
from _fast_network_studies import STANDARD, STANDARD_SEEDS, data_and_stem, fast_model
from _fine_tuning_study import existing

from keras_negact import _files
from keras_negact._batches import Batches
from keras_negact.analysis import negative_information_report
from keras_negact.comparison.compare import weights_path

# Of the test set.
IMAGES = 1_000
VARIANT = "relu"


def dead_channels(settings, folder, share=(0, 1), **_) -> None:
    """`dead_channels.json` of `standard`: for each seed and activation the share of channels that
    are positive nowhere, on no image, in the networks with ReLU."""
    if share != (0, 1):
        return
    folder = settings.output_dir / "standard"
    _, stem = data_and_stem(settings)
    images, labels = (
        array[:IMAGES]
        for array in _accuracy_data.raw_images("cifar10", "test", settings.npz, settings.data_dir)
    )
    of_seeds = {}
    for seed in range(settings.seeds or STANDARD_SEEDS):
        keras.utils.clear_session()
        model = fast_model(stem, STANDARD[VARIANT])
        model.load_weights(existing(weights_path(folder, VARIANT, seed)))
        report = negative_information_report(model, Batches((images, labels), 500), verbose=0)
        of_seeds[str(seed)] = {site.path: site.dead_channels for site in report.sites}
    record = {"variant": VARIANT, "images": len(images), "dead_channels": of_seeds}
    _files.replace(folder / "dead_channels.json", json.dumps(record, indent=1) + "\n")


STUDIES = {"dead_channels": dead_channels}
