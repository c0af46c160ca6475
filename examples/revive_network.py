"""Train a ReLU network until it can learn no more, swap its activations, and train on.

python examples/revive_network.py

The task changes: the same 300 handwritten digits get new random labels, time after time, and the
network has to learn each set by heart. Every rectifier that is negative on all digits has no
gradient any more and never comes back; in the end so few are left that nothing is learned. The swap
keeps what the network computes (to the last bit with LENI, not with leaky ReLU) and lets the
gradient through again.
"""

import argparse
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_negact import clone_with_activation
from keras_negact._checks import writable_folder
from keras_negact._command_line import integer, number, refusing
from keras_negact._extras import require
from keras_negact.analysis import negative_information_report

DEAD_BELOW = 0.3
"""Accuracy on labels learned by heart; chance is 0.1."""


def main() -> None:
    with refusing():
        settings = read_settings()
        pyplot = require("matplotlib.pyplot", "plot")
        images = read_digits(settings.images)
        writable_folder("--output-dir", settings.output_dir)
    keras.utils.set_random_seed(settings.seed)
    labels = np.random.default_rng(settings.seed).integers(0, 10, (100, len(images)))

    network = small_network(images.shape[1:])
    compile_network(network, settings)
    lived = []
    while len(lived) < settings.tasks and (not lived or lived[-1] >= DEAD_BELOW):
        lived.append(learn(network, images, labels[len(lived)], settings))
        print(f"task {len(lived)}: {lived[-1]:.0%} of the labels learned", flush=True)
    if lived[-1] >= DEAD_BELOW:
        sys.exit(f"The network is still alive after {settings.tasks} tasks. Give it more --tasks.")
    report = negative_information_report(network, images, verbose=0)
    print(f"\nNothing is learned any more. What is left of the network:\n\n{report}\n")

    swapped = clone_with_activation(network, settings.activation)
    difference = np.abs(swapped.predict(images, verbose=0) - network.predict(images, verbose=0))
    print(f"Swapped to {settings.activation}: outputs differ by {difference.max():.1e} at most.")
    # Adam's moments are those of dead weights, so both begin with new ones.
    after = {}
    for name, model in (("relu", network), (settings.activation, swapped)):
        compile_network(model, settings)
        tasks = labels[len(lived) : len(lived) + 3]
        after[name] = [learn(model, images, task, settings) for task in tasks]
        print(f"the next three tasks with {name}: " + ", ".join(f"{a:.0%}" for a in after[name]))

    draw(pyplot, lived, after, settings.output_dir / "revival.png")
    result = {"before": lived, "after": after, "largest_difference": float(difference.max())}
    (settings.output_dir / "revival.json").write_text(json.dumps(result, indent=1))
    print(f"The picture and the numbers are in {settings.output_dir}.")


def read_settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--activation", choices=["leni", "on_off_relu", "leaky_relu", "prelu"], default="leni")
    add(
        "--tasks",
        type=integer(1, 90),
        default=30,
        help="how many tasks to try to kill the network with",
    )
    add("--images", type=integer(50, 1797), default=300, help="how many digits")
    add("--epochs", type=integer(1), default=40, help="on each task")
    add("--learning-rate", type=number(above=0, maximum=1), default=5e-3, help="Adam's")
    add("--seed", type=integer(0), default=0)
    add("--output-dir", type=pathlib.Path, default=pathlib.Path("runs/revival"))
    return parser.parse_args()


def read_digits(count: int) -> np.ndarray:
    datasets = require("sklearn.datasets", "data")
    images = datasets.load_digits().images[:count]
    return (images[..., None] / 16).astype("float32")


def small_network(shape: tuple[int, ...]) -> keras.Model:
    """Two convolutions and a hidden layer, with no normalization that would re-centre them."""
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(16, 3, padding="same"),
            keras.layers.ReLU(name="first"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, padding="same"),
            keras.layers.ReLU(name="second"),
            keras.layers.Flatten(),
            keras.layers.Dense(64),
            keras.layers.ReLU(name="hidden"),
            keras.layers.Dense(10),
        ]
    )


def compile_network(model: keras.Model, settings: argparse.Namespace) -> None:
    model.compile(
        keras.optimizers.Adam(settings.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def learn(model, images, labels, settings) -> float:
    """Train on one set of labels: the accuracy that is reached on them."""
    model.fit(images, labels, batch_size=50, epochs=settings.epochs, verbose=0)
    return float(model.evaluate(images, labels, verbose=0)[1])


def draw(pyplot, lived: list, after: dict, path: pathlib.Path) -> None:
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(range(1, len(lived) + 1), lived, "o-", color="tab:gray", label="relu")
    tasks = range(len(lived), len(lived) + 4)
    colors = ("tab:gray", "tab:red")
    for (name, accuracies), color in zip(after.items(), colors, strict=True):
        values = [lived[-1], *accuracies]
        dead = name == "relu"
        axes.plot(tasks, values, "o-", color=color, label=None if dead else f"swapped to {name}")
    axes.axvline(len(lived), color="black", linewidth=0.8, linestyle=":")
    axes.annotate("swap", (len(lived), 1.0), xytext=(4, 4), textcoords="offset points")
    axes.axhline(0.1, color="black", linewidth=0.8, linestyle="--")
    axes.annotate("chance", (1, 0.1), xytext=(0, 4), textcoords="offset points")
    axes.set(xlabel="task (new random labels each)", ylabel="accuracy reached", ylim=(0, 1.08))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.15), frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
