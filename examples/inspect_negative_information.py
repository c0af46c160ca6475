"""Show what a saved network throws away: a table, bars, and feature maps of one image.

python examples/inspect_negative_information.py MODEL.keras --dataset digits
"""

import argparse
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_negact  # noqa: F401  (its layers are in the file)
from keras_negact._checks import writable_folder
from keras_negact._command_line import integer, refusing
from keras_negact.analysis import draw_feature_maps, negative_information_report
from keras_negact.datasets import load_dataset

DATASETS = ["digits", "cifar10", "cifar100", "fashion_mnist"]


def main() -> None:
    with refusing():
        settings = read_settings()
        model = load(settings.model)
        batches = read_batches(settings)
        image = image_of(batches, settings.image)
        output_dir = writable_folder(
            "--output-dir", settings.output_dir or settings.model.with_suffix("")
        )
        draw_feature_maps(model, image, output_dir / "feature_maps.png", settings.site)
        report = negative_information_report(model, batches, limit=settings.limit)
        report.draw(output_dir / "negative_information.png")
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
    add("--limit", type=integer(1), default=512, help="how many images")
    add(
        "--image",
        type=integer(0, 31),
        default=0,
        help="whose feature maps are drawn: its number, below 32",
    )
    add("--site", help="of the feature maps: an activation's path, by default the first")
    add("--output-dir", help="by default the model's name without .keras")
    settings = parser.parse_args()
    if not settings.model.exists():
        parser.error(f"There is no file {settings.model}.")
    return settings


def load(path: pathlib.Path) -> keras.Model:
    try:
        return keras.models.load_model(path, compile=False)
    # A file that is something else can fail in any way.
    except Exception as error:
        raise ValueError(
            f"{path} holds no network that Keras can load ({first_line(error)})."
        ) from error


def image_of(batches, number: int) -> np.ndarray:
    images = np.asarray(next(iter(batches))[0])
    if number >= len(images):
        raise ValueError(f"--image must be below {len(images)}. Received: {number}")
    return images[number]


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def read_batches(settings: argparse.Namespace):
    if settings.npz is None:
        return load_dataset(settings.dataset, 32, data_dir=settings.data_dir).test
    try:
        with np.load(settings.npz) as file:
            x = file["x"][: settings.limit]
    except Exception as error:
        raise ValueError(f"{settings.npz} has no array `x` ({first_line(error)}).") from error
    if not len(x):
        raise ValueError(f"`x` in {settings.npz} has no images.")
    return [(x[start : start + 32],) for start in range(0, len(x), 32)]


if __name__ == "__main__":
    main()
