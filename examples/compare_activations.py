"""Compare activations in a network of your choice: same seeds, same data, the cost beside the gain.

python examples/compare_activations.py --dataset digits --model cifar_resnet8 --epochs 10 --seeds 3
"""

import argparse
import functools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from keras_negact._checks import file_name, writable_folder
from keras_negact._command_line import integer, refusing
from keras_negact.comparison import ACTIVATIONS, activation_variants, compare_activations
from keras_negact.datasets import load_dataset
from keras_negact.models import network_by_name
from keras_negact.models.by_name import check_network_name

DATASETS = ["digits", "cifar10", "cifar100", "fashion_mnist"]


def main() -> None:
    with refusing():
        settings = read_settings()

    @functools.lru_cache(maxsize=1)
    def data(seed):
        return load_dataset(
            settings.dataset,
            settings.batch_size,
            data_dir=settings.data_dir,
            download=settings.download,
            limit=settings.limit,
            seed=seed,
        )

    with refusing():
        some = data(0)
        build = functools.partial(
            network_by_name, settings.model, some.input_shape, some.num_classes
        )
        summary = compare_activations(
            activation_variants(build, settings.activations),
            data,
            settings.seeds,
            settings.epochs,
            settings.output_dir,
            settings.reference,
            protocol={"network": settings.model, "batch_size": settings.batch_size},
            name=settings.name,
            verbose=2 if settings.verbose else 1,
        )
    print()
    print(summary.to_markdown())
    print(f"Runs, table and pictures are in {settings.output_dir}.")


def read_settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--dataset", choices=DATASETS, default="digits")
    add("--data-dir", help="where TensorFlow Datasets keeps its data")
    add("--download", action="store_true", help="fetch the data if it is not there")
    add("--limit", type=integer(2), help="read at most so many training and test images")
    add("--model", default="cifar_resnet8", help="cifar_resnetN, on_off_cnn, MobileNetV2, ...")
    add("--activations", nargs="+", choices=ACTIVATIONS, metavar="NAME",
        default=["relu", "prelu", "silu", "funnel", "on_off_relu", "leni"],
        help=f"any of {', '.join(ACTIVATIONS)}")  # fmt: skip
    add("--reference", default="relu", help="which of them the others are compared to")
    add("--seeds", type=integer(1), default=5, help="how many")
    add("--epochs", type=integer(1), default=10)
    add("--batch-size", type=integer(1), default=64)
    add("--output-dir", help="by default runs/compare-DATASET-MODEL")
    add("--name", default="runs", help="of the results file: another one on another machine")
    add("--verbose", action="store_true", help="show every epoch")
    settings = parser.parse_args()
    if len(set(settings.activations)) < len(settings.activations):
        given = " ".join(settings.activations)
        parser.error(f"--activations must be different names. Received: {given}")
    if settings.reference not in settings.activations:
        parser.error(f"--reference {settings.reference} is not among --activations.")
    check_network_name(settings.model, "--model")
    file_name("--name", settings.name)
    if settings.output_dir is None:
        settings.output_dir = f"runs/compare-{settings.dataset}-{settings.model}"
    writable_folder("--output-dir", settings.output_dir)
    return settings


if __name__ == "__main__":
    main()
