"""Search for the LENI that suits a network and its data, and for where in the network it pays.

python examples/tune_leni.py --trials 12
"""

import argparse
import csv
import json
import os
import pathlib
import sys
import time
from contextlib import nullcontext

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import keras_tuner
import tensorflow as tf

from keras_negact._checks import writable_folder
from keras_negact._ownership import FolderInUse, owned
from keras_negact.datasets import Dataset, load_dataset
from keras_negact.layers import weights_without_decay
from keras_negact.models import check_network_name, network_by_name
from keras_negact.training import make_strategy
from keras_negact.tuning import (
    BayesianOptimization,
    Budget,
    GridSearch,
    Hyperband,
    LENIHyperModel,
    RandomSearch,
    pareto_front,
    trial_rows,
)
from keras_negact.tuning.processes import end_with_parent, is_supervised, run_chief_and_workers

TUNERS = {
    "random": RandomSearch,
    "hyperband": Hyperband,
    "bayesian": BayesianOptimization,
    "grid": GridSearch,
}
DATASETS = ["digits", "cifar10", "cifar100", "fashion_mnist"]
EPOCHS = {"digits": 10, "cifar10": 30, "cifar100": 30, "fashion_mnist": 10}
BATCH_SIZE = {"digits": 64, "cifar10": 128, "cifar100": 128, "fashion_mnist": 128}
MAY_CHANGE_ON_RESUME = {
    "data_dir", "download", "output_dir", "replicas", "strategy", "trials", "workers"
}  # fmt: skip
UNITS = {"parameters": "parameters", "multiply_adds": "multiply-adds"}


def main() -> None:
    settings = read_settings()
    if is_supervised():
        end_with_parent()
    TUNERS[settings.tuner].require_extras()
    role = os.environ.get("KERASTUNER_TUNER_ID", "")
    is_worker = bool(role) and "chief" not in role
    try:
        # The parent of a chief and workers, and the chief of several machines, own the folder.
        with nullcontext() if is_worker or is_supervised() else owned(settings.output_dir):
            search_and_finish(settings, role, is_worker)
    except (FolderInUse, keras_tuner.errors.FatalError) as error:
        sys.exit(str(error))


def search_and_finish(settings: argparse.Namespace, role: str, is_worker: bool) -> None:
    output_dir = pathlib.Path(settings.output_dir)
    write_json(output_dir / "config.json", vars(settings))
    if settings.workers and not role:
        try:
            run_chief_and_workers(
                [sys.executable, *sys.argv],
                settings.workers,
                output_dir / "logs",
                gpus=len(tf.config.list_physical_devices("GPU")),
            )
        except RuntimeError as error:
            sys.exit(str(error))
    # Virtual devices can be made only before TensorFlow is used for anything else.
    strategy = make_strategy(settings.strategy, settings.replicas)
    data = load_data(settings)
    tuner = make_tuner(settings, data, strategy)
    if role or not settings.workers:
        if not is_worker:
            print_plan(settings, data, tuner)
        tuner.search(data.train_at, epochs=settings.epochs, validation_data=data.validation)
    if not (is_worker or is_supervised()):
        finish(settings, data, tuner, strategy)


def read_settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="An interrupted search goes on when it is started with the same arguments again.",
    )
    add = parser.add_argument
    add("--dataset", choices=DATASETS, default="digits")
    add("--data-dir", help="where TensorFlow Datasets keeps its data")
    add("--download", action="store_true", help="fetch the data if it is not there")
    add("--limit", type=number(int, above=1), help="read at most so many training and test images")
    add("--model", default="cifar_resnet8", help="cifar_resnetN, on_off_cnn, MobileNetV2, ...")
    add("--tuner", choices=list(TUNERS), default="random")
    add("--trials", type=number(int, above=0), default=12, help="finished trials to reach")
    add("--epochs", type=number(int, above=0), help=f"of a trial; by default {EPOCHS}")
    add("--batch-size", type=number(int, above=0), help=f"by default {BATCH_SIZE}")
    add("--max-cost", type=float, help="the most a network may cost, as a multiple of ReLU's")
    add("--cost", choices=list(UNITS), default="parameters", help="what --max-cost is about")
    add("--seed", type=number(int, above=-1), default=0, help="of the search and of all trainings")
    add("--workers", type=number(int, above=0), help="processes that train at the same time")
    add("--strategy", choices=["auto", "none", "mirrored"], default="auto", help="in each process")
    add("--replicas", type=number(int, above=0), help="devices; virtual ones where there is no GPU")
    add("--output-dir", help="by default runs/tune-DATASET-MODEL-TUNER")

    settings = parser.parse_args()
    try:
        check_network_name(settings.model)
        if settings.max_cost is not None:
            Budget(settings.max_cost, settings.cost)
        if settings.output_dir is not None:
            writable_folder("--output-dir", settings.output_dir)
    except ValueError as error:
        parser.error(str(error))
    settings.epochs = settings.epochs or EPOCHS[settings.dataset]
    settings.batch_size = settings.batch_size or BATCH_SIZE[settings.dataset]
    if settings.output_dir is None:
        names = ("tune", settings.dataset, settings.model, settings.tuner)
        settings.output_dir = os.path.join("runs", "-".join(names))
        writable_folder("--output-dir", settings.output_dir)
    config = pathlib.Path(settings.output_dir, "config.json")
    if config.exists():
        started_with = read_json(config)
        changed = [
            f"{key} was {started_with.get(key)}, is {value}"
            for key, value in vars(settings).items()
            if key not in MAY_CHANGE_ON_RESUME and started_with.get(key) != value
        ]
        if changed:
            parser.error(
                f"The search in {settings.output_dir} is another one: {'; '.join(changed)}. "
                "Choose another folder (--output-dir)."
            )
    return settings


def load_data(settings: argparse.Namespace) -> Dataset:
    try:
        return load_dataset(
            settings.dataset,
            settings.batch_size,
            data_dir=settings.data_dir,
            download=settings.download,
            limit=settings.limit,
            seed=settings.seed,
        )
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))


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
    budget = None if settings.max_cost is None else Budget(settings.max_cost, settings.cost)
    return TUNERS[settings.tuner](
        hypermodel,
        objective="val_accuracy",
        max_trials=settings.trials,
        budget=budget,
        seed=settings.seed,
        strategy=strategy,
        directory=settings.output_dir,
        **({"max_epochs": settings.epochs} if settings.tuner == "hyperband" else {}),
    )


def print_plan(settings: argparse.Namespace, data: Dataset, tuner) -> None:
    counts = ", ".join(f"{count:,} {split}" for split, count in data.counts.items())
    relu = tuner.hypermodel.cost(tuner.hypermodel.parameters(where="nowhere"))
    print(f"Data      {data.name}: {counts} images in {data.num_classes} classes")
    print(
        f"Network   {settings.model} with {tuner.hypermodel.own_activation}: "
        f"{relu.parameters:,} parameters, {relu.multiply_adds:,} multiply-adds"
    )
    if settings.max_cost is not None:
        print(f"Budget    {settings.max_cost:g} times its {UNITS[settings.cost]}")
    print(f"Search    {settings.tuner}, {settings.trials} trials of {settings.epochs} epochs")
    print(f"Output    {settings.output_dir}", flush=True)


def finish(settings: argparse.Namespace, data: Dataset, tuner, strategy) -> None:
    """Train the references as the best trial was trained, and write and show what came out."""
    folder = pathlib.Path(settings.output_dir)
    rows = trial_rows(tuner)
    write_csv(folder / "trials.csv", rows)
    try:
        best_model = tuner.get_best_models()[0]
    except RuntimeError as error:
        sys.exit(str(error))
    best = tuner.finished_trials()[0]
    save_in_one_go(folder / "best_model.keras", best_model.save)
    point = tuner.hypermodel.point(best.hyperparameters)
    write_json(
        folder / "best_hyperparameters.json",
        {
            "val_accuracy": best.score,
            "leni": point.block or None,
            "where": list(point.parts),
            "learning_rate": point.learning_rate,
            "weight_decay": point.weight_decay,
        },
    )

    # Equal rates, epochs and seeds, so that the block is what differs.
    rates = {"learning_rate": point.learning_rate, "weight_decay": point.weight_decay}
    own = tuner.hypermodel.own_activation
    references = {}
    for name, values in ((f"{own}, untuned", {"where": "nowhere"}), ("LENI, untuned", {})):
        file = folder / f"{name.replace(', ', '_')}.json"
        if not done_for(file, rates):
            print(f"Training the reference: {name}", flush=True)
            point = tuner.hypermodel.parameters(**rates, **values)
            row = train_reference(file, data, tuner, strategy, settings, point)
            write_json(file, {**row, **rates})
        references[name] = read_json(file)
    test = folder / "test_accuracy.json"
    if not done_for(test, {"trial": best.trial_id}):
        accuracy = best_model.evaluate(data.test, return_dict=True, verbose=0)["accuracy"]
        write_json(test, {"trial": best.trial_id, "accuracy": accuracy})

    print_table(rows, references, own)
    print(f"Points over the budget, drawn again: {tuner.oracle.rejected_points}")
    print(f"Test accuracy of the best: {read_json(test)['accuracy']:.4f}")
    for name, row in references.items():
        print(f"Test accuracy of {name}: {row['test_accuracy']:.4f}")
    draw_to = folder / "trials.png"
    save_in_one_go(draw_to, lambda path: draw(rows, references, settings, path))
    print(f"All of it is in {folder}.")


def done_for(file: pathlib.Path, what: dict) -> bool:
    return file.exists() and what.items() <= read_json(file).items()


def read_json(file: pathlib.Path) -> dict:
    try:
        content = json.loads(file.read_text())
        if not isinstance(content, dict):
            raise ValueError("it holds no object")
    except (ValueError, OSError) as error:
        sys.exit(f"{file} is damaged: {error}. Move it away, and start the same command again.")
    return content


def train_reference(file, data: Dataset, tuner, strategy, settings, point) -> dict:
    best_epoch = file.with_suffix(".keras")
    start = time.perf_counter()
    with strategy.scope():
        model = tuner.hypermodel.build(point)
    # As in the trials: what counts is the best epoch.
    keep_best = keras.callbacks.ModelCheckpoint(
        best_epoch, "val_accuracy", mode="max", save_best_only=True
    )
    history = tuner.hypermodel.fit(
        point,
        model,
        data.train_at,
        epochs=settings.epochs,
        validation_data=data.validation,
        callbacks=[keep_best],
        verbose=0,
    )
    seconds = time.perf_counter() - start
    model.set_weights(keras.models.load_model(best_epoch, compile=False).get_weights())
    cost = tuner.hypermodel.cost(point)
    return {
        "score": max(history.history["val_accuracy"]),
        "parameters": cost.parameters,
        "multiply_adds": cost.multiply_adds,
        **{f"relative_{measure}": value for measure, value in cost.relative.items()},
        "seconds": seconds,
        "test_accuracy": model.evaluate(data.test, return_dict=True, verbose=0)["accuracy"],
        **point.values,
    }


def print_table(rows: list[dict], references: dict[str, dict], own: str) -> None:
    print(f"{'':14}{'score':>7}  {'parameters':>16}  {'multiply-adds':>20}{'seconds':>9}  block")
    finished = [row for row in rows if row["status"] == "COMPLETED"]
    named = [(f"trial {row['trial']}", row) for row in finished[:10]] + list(references.items())
    for name, row in named:
        parameters = f"{row['parameters']:,} x{row['relative_parameters']:.2f}"
        multiply_adds = f"{row['multiply_adds']:,} x{row['relative_multiply_adds']:.2f}"
        print(
            f"{name:14}{row['score']:7.4f}  {parameters:>16}  {multiply_adds:>20}"
            f"{row['seconds']:9.0f}  {block_of(row, own)}"
        )


def block_of(row: dict, own: str) -> str:
    if row["where"] == "nowhere":
        return own
    sampled = {key.removeprefix("leni/"): row[key] for key in row if key.startswith("leni/")}
    told = {
        "kernel_size": "{0}x{0}",
        "transform_groups": "in {} groups",
        "normalization": "normalization {}",
        "groups": "in {} groups",
    }
    parts = [told.get(key, "{}").format(value) for key, value in sampled.items() if value]
    return f"{' '.join(parts)}, at {row['where']}"


def draw(rows: list[dict], references: dict[str, dict], settings, path: pathlib.Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    cost = f"relative_{settings.cost}"
    finished = [row for row in rows if row["status"] == "COMPLETED"]
    front = pareto_front(rows, cost)
    figure, axes = pyplot.subplots(figsize=(7, 5), layout="constrained")
    axes.scatter(*columns(finished, cost), color="tab:blue", alpha=0.6, label="trials")
    axes.step(
        *columns(front, cost), where="post", color="tab:blue", linewidth=1, label="Pareto front"
    )
    for (name, row), marker in zip(references.items(), "s^", strict=True):
        hollow = {"markerfacecolor": "none", "markersize": 9, "color": "tab:orange"}
        axes.plot(row[cost], row["score"], marker, label=name, **hollow)
    if settings.max_cost is not None:
        axes.axvline(settings.max_cost, color="gray", linestyle=":", label="budget")
    axes.set(
        xlabel=f"{UNITS[settings.cost]}, as a multiple of the network's without the block",
        ylabel="validation accuracy",
        title=f"{settings.model} on {settings.dataset}: {settings.tuner}, {len(finished)} trials",
    )
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def columns(rows: list[dict], cost: str) -> tuple[list[float], list[float]]:
    return [row[cost] for row in rows], [row["score"] for row in rows]


def write_csv(path: pathlib.Path, rows: list[dict]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))

    def write(temporary):
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)

    save_in_one_go(path, write)


def write_json(path: pathlib.Path, content: dict) -> None:
    save_in_one_go(path, lambda temporary: temporary.write_text(json.dumps(content, indent=2)))


def save_in_one_go(path: pathlib.Path, save) -> None:
    # Each process its own: a chief and its workers write the same configuration.
    temporary = path.with_name(f"unfinished_{os.getpid()}_{path.name}")
    save(temporary)
    os.replace(temporary, path)


def number(kind: type, above: float):
    def parse(text):
        value = kind(text)
        if value <= above:
            raise argparse.ArgumentTypeError(f"must be more than {above}: {text}")
        return value

    return parse


if __name__ == "__main__":
    main()
