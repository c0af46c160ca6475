"""Show what a saved network throws away: a table, bars, and feature maps of one image.

python examples/inspect_negative_information.py MODEL.keras --dataset digits
"""

import argparse
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_negact  # noqa: F401  (its layers are in the file)
from keras_negact.analysis import draw_feature_maps, negative_information_report
from keras_negact.datasets import load_dataset

DATASETS = ["digits", "cifar10", "cifar100", "fashion_mnist"]


def main() -> None:
    settings = read_settings()
    try:
        model = keras.models.load_model(settings.model, compile=False)
        batches = read_batches(settings)
        report = negative_information_report(model, batches, limit=settings.limit)
        output_dir = pathlib.Path(settings.output_dir or settings.model.with_suffix(""))
        output_dir.mkdir(parents=True, exist_ok=True)
        report.draw(output_dir / "negative_information.png")
        image = np.asarray(next(iter(batches))[0][settings.image])
        draw_feature_maps(model, image, output_dir / "feature_maps.png", settings.site)
    except (FileNotFoundError, IndexError, ValueError) as error:
        sys.exit(str(error))
    (output_dir / "negative_information.json").write_text(json.dumps(report.to_dict(), indent=1))
    print(report)
    print(f"The table as JSON and two pictures are in {output_dir}.")


def read_settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("model", type=pathlib.Path, help="a .keras file")
    add("--dataset", choices=DATASETS, default="digits", help="its test images are shown")
    add("--data-dir", help="where TensorFlow Datasets keeps its data")
    add("--npz", help="instead of --dataset: a file with the images as the network takes them, `x`")
    add("--limit", type=int, default=512, help="how many images")
    add("--image", type=int, default=0, help="whose feature maps are drawn: its number, below 32")
    add("--site", help="of the feature maps: an activation's path, by default the first")
    add("--output-dir", help="by default the model's name without .keras")
    settings = parser.parse_args()
    if not settings.model.exists():
        parser.error(f"There is no file {settings.model}.")
    if settings.limit < 1 or not 0 <= settings.image < 32:
        parser.error("--limit must be positive, and --image between 0 and 31.")
    return settings


def read_batches(settings: argparse.Namespace):
    if settings.npz is None:
        return load_dataset(settings.dataset, 32, data_dir=settings.data_dir).test
    with np.load(settings.npz) as file:
        if "x" not in file:
            raise ValueError(f"{settings.npz} needs an array `x`. It has: {', '.join(file)}.")
        x = file["x"][: settings.limit]
    return [(x[start : start + 32],) for start in range(0, len(x), 32)]


if __name__ == "__main__":
    main()
