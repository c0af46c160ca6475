"""Search for the LENI that suits a network and its data, and for where in the network it pays.

python examples/tune_leni.py --trials 12
"""

import argparse
import csv
import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from keras_negact._checks import writable_folder
from keras_negact._command_line import integer, number, refusing, stopping
from keras_negact._extras import require
from keras_negact.datasets import Dataset, load_dataset
from keras_negact.layers import weights_without_decay
from keras_negact.models import network_by_name
from keras_negact.models.by_name import check_network_name
from keras_negact.training import make_strategy
from keras_negact.tuning import (
    BayesianOptimization,
    Budget,
    GridSearch,
    Hyperband,
    LENIHyperModel,
    RandomSearch,
    pareto_front,
    run_chief_and_workers,
    trial_rows,
)

TUNERS = {
    "random": RandomSearch,
    "hyperband": Hyperband,
    "bayesian": BayesianOptimization,
    "grid": GridSearch,
}
DATASETS = ["digits", "cifar10", "cifar100", "fashion_mnist"]
SHOWN = ("trial", "score", "relative_parameters", "relative_multiply_adds", "seconds", "where")


def main() -> None:
    with refusing():
        settings = read_settings()
    folder = pathlib.Path(settings.output_dir)
    # keras-tuner's variable: here it is one process of a search in several.
    is_one_of_several = "KERASTUNER_TUNER_ID" in os.environ
    with stopping(RuntimeError):
        if settings.workers and not is_one_of_several:
            run_chief_and_workers(
                [sys.executable, *sys.argv],
                settings.workers,
                folder / "logs",
                gpus=len(tf.config.list_physical_devices("GPU")),
            )
    with refusing(RuntimeError):
        # Virtual devices can be made only before TensorFlow is used for anything else.
        strategy = make_strategy(settings.strategy, settings.replicas)
        data = load_dataset(
            settings.dataset,
            settings.batch_size,
            data_dir=settings.data_dir,
            download=settings.download,
            limit=settings.limit,
            seed=settings.seed,
        )
        tuner = make_tuner(settings, data, strategy)
    with stopping(RuntimeError, ValueError):
        # One that is finished is not searched again.
        tuner.search(data.train_at, epochs=settings.epochs, validation_data=data.validation)
        if not is_one_of_several:
            finish(settings, data, tuner, folder)


def read_settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="An interrupted search goes on when it is started with the same arguments again.",
    )
    add = parser.add_argument
    add("--dataset", choices=DATASETS, default="digits")
    add("--data-dir", help="where TensorFlow Datasets keeps its data")
    add("--download", action="store_true", help="fetch the data if it is not there")
    add("--limit", type=integer(2), help="read at most so many training and test images")
    add("--model", default="cifar_resnet8", help="cifar_resnetN, on_off_cnn, MobileNetV2, ...")
    add("--tuner", choices=list(TUNERS), default="random")
    add("--trials", type=integer(1), default=12, help="finished trials to reach")
    add("--epochs", type=integer(1), default=10, help="of a trial")
    add("--batch-size", type=integer(1), default=64)
    add("--max-cost", type=number(above=0), help="the most it may cost, as a multiple of ReLU's")
    add("--cost", choices=["parameters", "multiply_adds"], default="parameters")
    add("--seed", type=integer(0), default=0, help="of the search and of all trainings")
    add("--workers", type=integer(1), help="processes that train at the same time")
    add("--strategy", choices=["auto", "none", "mirrored"], default="auto", help="in each process")
    add("--replicas", type=integer(1), help="devices; virtual ones where there is no GPU")
    add("--output-dir", help="by default runs/tune-DATASET-MODEL-TUNER")
    settings = parser.parse_args()
    if settings.max_cost is not None:
        Budget(settings.max_cost, settings.cost)
    check_network_name(settings.model, "--model")
    # What draws at the end is asked for at the beginning.
    require("matplotlib", "plot")
    if settings.output_dir is None:
        names = ("tune", settings.dataset, settings.model, settings.tuner)
        settings.output_dir = os.path.join("runs", "-".join(names))
    writable_folder("--output-dir", settings.output_dir)
    return settings


def make_tuner(settings: argparse.Namespace, data: Dataset, strategy: tf.distribute.Strategy):
    steps = settings.epochs * len(data.train)

    def compile_model(model, learning_rate, weight_decay):
        # Hyperband trains a network in several goes, which no schedule of one fits.
        if settings.tuner != "hyperband":
            learning_rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        optimizer = keras.optimizers.AdamW(learning_rate, weight_decay)
        # Decay would pull LENI's positive branch, and with it the signal, towards zero.
        optimizer.exclude_from_weight_decay(var_list=weights_without_decay(model))
        model.compile(
            optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    hypermodel = LENIHyperModel(
        lambda: network_by_name(settings.model, data.input_shape, data.num_classes),
        compile=compile_model,
        synchronized=strategy.num_replicas_in_sync > 1,
        seed=settings.seed,
    )
    # What was trained on other data, or for longer, is another search.
    protocol = f"{data.counts['train']}x{settings.epochs}"
    return TUNERS[settings.tuner](
        hypermodel,
        objective="val_accuracy",
        max_trials=settings.trials,
        budget=None if settings.max_cost is None else Budget(settings.max_cost, settings.cost),
        seed=settings.seed,
        strategy=strategy,
        directory=settings.output_dir,
        project_name=f"search-{settings.dataset}-{protocol}-seed{settings.seed}",
        **({"max_epochs": settings.epochs} if settings.tuner == "hyperband" else {}),
    )


def finish(settings, data: Dataset, tuner, folder: pathlib.Path) -> None:
    """Write and show what came out. The test images are read once, for the best network."""
    rows = trial_rows(tuner)
    with (folder / "trials.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    model = tuner.get_best_models()[0]
    model.save(folder / "best_model.keras")
    draw(rows, settings, folder / "trials.png")

    print("  ".join([f"{name:>22}" for name in SHOWN] + ["block"]))
    for row in [row for row in rows if row["status"] == "COMPLETED"][:10]:
        block = [f"{key[5:]}={row[key]}" for key in row if key.startswith("leni/")]
        values = [f"{row[k]:.4f}" if isinstance(row[k], float) else row[k] for k in SHOWN]
        print("  ".join([f"{value:>22}" for value in values] + [" ".join(block) or "ReLU"]))
    print(f"Points over the budget, drawn again: {tuner.oracle.rejected_points}")
    test = model.evaluate(data.test, return_dict=True, verbose=0)["accuracy"]
    (folder / "result.json").write_text(json.dumps({**rows[0], "test_accuracy": test}, indent=2))
    print(f"Test accuracy of the best: {test:.4f}")
    print(f"All of it is in {folder}.")


def draw(rows: list[dict], settings: argparse.Namespace, path: pathlib.Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    cost = f"relative_{settings.cost}"
    kinds = {"LENI": [], "network as it was": []}
    for row in rows:
        if row["status"] == "COMPLETED":
            kinds["network as it was" if row["where"] == "nowhere" else "LENI"].append(row)
    figure, axes = pyplot.subplots(figsize=(7, 5), layout="constrained")
    for (name, trials), marker in zip(kinds.items(), "os", strict=True):
        axes.scatter(*columns(trials, cost), marker=marker, alpha=0.6, label=name)
    axes.step(*columns(pareto_front(rows, cost), cost), where="post", label="Pareto front")
    if settings.max_cost is not None:
        axes.axvline(settings.max_cost, color="gray", linestyle=":", label="budget")
    axes.set(
        xlabel=f"{settings.cost.replace('_', '-')}, as a multiple of the network's as it was",
        ylabel="validation accuracy",
        title=f"{settings.model} on {settings.dataset}, by {settings.tuner} search",
    )
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def columns(rows: list[dict], cost: str) -> tuple[list[float], list[float]]:
    return [row[cost] for row in rows], [row["score"] for row in rows]


if __name__ == "__main__":
    main()
