"""Train a network with an activation of your choice on small images, and keep what came of it.

python examples/train_cifar.py --activation leni
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from keras_negact._checks import writable_folder
from keras_negact._command_line import integer, number, refusing, stopping
from keras_negact.datasets import Dataset, is_prepared, load_dataset
from keras_negact.layers import weights_without_decay
from keras_negact.models import network_by_name
from keras_negact.models.by_name import check_network_name
from keras_negact.training import Backup, evaluate, fit, is_chief, make_strategy

ACTIVATIONS = ["relu", "leaky_relu", "prelu", "silu", "gelu", "mish", "on_off_relu", "leni"]
DATASETS = ["auto", "digits", "cifar10", "cifar100", "fashion_mnist"]
STRATEGIES = ["auto", "none", "mirrored", "multi_worker"]
EPOCHS = {"digits": 15, "cifar10": 60, "cifar100": 60, "fashion_mnist": 20}
BATCH_SIZE = {"digits": 64, "cifar10": 128, "cifar100": 128, "fashion_mnist": 128}
MAY_CHANGE_ON_RESUME = {
    "data_dir",
    "download",
    "output_dir",
    "replicas",
    "resume",
    "save_every",
    "strategy",
}


class EpochSeconds(keras.callbacks.Callback):
    """Notes in the logs how long each epoch took, validation included."""

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.perf_counter() - self._start


def main() -> None:
    with refusing(RuntimeError):
        settings = read_settings()
        result_file = pathlib.Path(settings.output_dir, "result.json")
        if settings.resume and result_file.exists():
            accuracy = read_json(result_file, "test_accuracy", float)["test_accuracy"]
            print(f"The run in {settings.output_dir} is finished: nothing to resume.")
            print(f"Test accuracy: {accuracy:.4f}")
            return
        if is_chief():
            writable_folder("--output-dir", settings.output_dir)
        # Virtual devices can be made only before TensorFlow is used for anything else.
        strategy = make_strategy(settings.strategy, settings.replicas)
        if settings.jit_compile and strategy.num_replicas_in_sync > 1:
            raise ValueError("--jit-compile does not go with several replicas.")
        keras.utils.set_random_seed(settings.seed)
        if settings.mixed_precision:
            on_gpu = bool(tf.config.list_physical_devices("GPU"))
            keras.config.set_dtype_policy("mixed_float16" if on_gpu else "mixed_bfloat16")
        data = load_data(settings)
        with strategy.scope():
            model = compiled_model(settings, data)
    with stopping():
        train_and_report(settings, data, model, strategy)


def train_and_report(
    settings: argparse.Namespace,
    data: Dataset,
    model: keras.Model,
    strategy: tf.distribute.Strategy,
) -> None:
    output_dir = pathlib.Path(settings.output_dir)
    # Of several workers one reports and writes; all of them train.
    if is_chief():
        print_plan(settings, data, model, strategy)
        write_json(output_dir / "config.json", vars(settings))
    history = fit(
        model,
        data.train_at,
        epochs=settings.epochs,
        validation_data=data.validation,
        callbacks=[
            EpochSeconds(),
            keras.callbacks.CSVLogger(output_dir / "history.csv"),
            backup_in(settings.output_dir, settings.save_every),
        ],
    ).history
    test = evaluate(model, data.test, return_dict=True, verbose=0)
    if not is_chief():
        return

    save_in_one_go(output_dir / "model.keras", model.save)
    save_in_one_go(output_dir / "curves.png", lambda path: draw(history, test, settings, path))
    result = {
        "test_accuracy": test["accuracy"],
        "test_loss": test["loss"],
        "parameters": model.count_params(),
        "seconds": sum(history["seconds"]),
        "epochs": len(history["loss"]),
    }
    write_json(output_dir / "result.json", result)
    print(f"The model, its history and its curves are in {output_dir}.")
    print(f"Test accuracy: {result['test_accuracy']:.4f}")


def read_settings() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--dataset", choices=DATASETS, default="auto", help="auto: cifar10, or digits without it")
    add("--data-dir", help="where TensorFlow Datasets keeps its data")
    add("--download", action="store_true", help="fetch the data if it is not there")
    add("--model", default="cifar_resnet20", help="cifar_resnetN, on_off_cnn, MobileNetV2, ...")
    add("--activation", choices=ACTIVATIONS, default="leni")
    add("--epochs", type=integer(1), help=f"by default {EPOCHS}")
    add("--batch-size", type=integer(1), help=f"over all devices; by default {BATCH_SIZE}")
    add("--learning-rate", type=number(above=0), default=3e-3, help="at its peak (AdamW)")
    add("--limit", type=integer(2), help="read at most so many training and test images")
    add("--seed", type=integer(0), default=0)
    add("--strategy", choices=STRATEGIES, default="auto")
    add("--replicas", type=integer(1), help="devices; virtual ones where there is no GPU")
    add("--mixed-precision", action="store_true", help="float16 on a GPU, bfloat16 elsewhere")
    add("--jit-compile", action="store_true", help="compile with XLA; not with several replicas")
    add("--output-dir", help="by default runs/DATASET-MODEL-ACTIVATION")
    add("--resume", action="store_true", help="go on from the last backup")
    add("--save-every", type=integer(1), help="back up so often within an epoch, in steps")

    settings = parser.parse_args()
    if settings.resume and settings.output_dir:
        earlier = earlier_settings(settings.output_dir)
        earlier_arguments = as_arguments(parser, earlier, settings.output_dir)
        settings = parser.parse_args([*earlier_arguments, *sys.argv[1:]])
    check_network_name(settings.model, "--model")
    if settings.dataset == "auto":
        prepared = settings.download or is_prepared("cifar10", settings.data_dir)
        settings.dataset = "cifar10" if prepared else "digits"
        if not prepared:
            print("CIFAR-10 is not prepared here (see --data-dir and --download): taking digits.")
    settings.epochs = settings.epochs or EPOCHS[settings.dataset]
    settings.batch_size = settings.batch_size or BATCH_SIZE[settings.dataset]
    if settings.output_dir is None:
        names = (settings.dataset, settings.model, settings.activation)
        settings.output_dir = os.path.join("runs", "-".join(names))
    check_output_dir(parser, settings)
    return settings


def as_arguments(parser: argparse.ArgumentParser, earlier: dict, output_dir: str) -> list[str]:
    """The command line of an earlier run, without what may change."""
    arguments = []
    for key, value in earlier.items():
        if key not in MAY_CHANGE_ON_RESUME and value not in (None, False):
            option = "--" + key.replace("_", "-")
            arguments.append(option if value is True else f"{option}={value}")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parser.parse_args(arguments)
    except SystemExit:
        raise damaged(pathlib.Path(output_dir, "config.json"), said.getvalue()) from None
    return arguments


def check_output_dir(parser: argparse.ArgumentParser, settings: argparse.Namespace) -> None:
    started_with = earlier_settings(settings.output_dir)
    if not started_with:
        if settings.resume:
            print(f"No epoch is finished in {settings.output_dir}: starting with the first.")
        return
    if not settings.resume:
        parser.error(
            f"{settings.output_dir} holds a run already: go on with it (--resume), "
            "or choose another folder (--output-dir)."
        )
    changed = [
        f"{key} was {started_with[key]}, is {value}"
        for key, value in vars(settings).items()
        if key in started_with.keys() - MAY_CHANGE_ON_RESUME and started_with[key] != value
    ]
    if changed:
        parser.error(f"The run in {settings.output_dir} is another one: {'; '.join(changed)}.")


def earlier_settings(output_dir: str) -> dict:
    """The settings of the run in this folder, if it has finished an epoch that could be lost."""
    if not backup_in(output_dir).path.exists():
        return {}
    return read_json(pathlib.Path(output_dir, "config.json"), "output_dir", str)


def backup_in(output_dir: str, save_every: int | None = None) -> Backup:
    return Backup(pathlib.Path(output_dir, "backup"), save_every or "epoch")


def load_data(settings: argparse.Namespace) -> Dataset:
    return load_dataset(
        settings.dataset,
        settings.batch_size,
        data_dir=settings.data_dir,
        download=settings.download,
        limit=settings.limit,
        seed=settings.seed,
    )


def compiled_model(settings: argparse.Namespace, data: Dataset) -> keras.Model:
    model = network_by_name(settings.model, data.input_shape, data.num_classes, settings.activation)
    steps = settings.epochs * len(data.train)
    warmup = 1 + steps // 10
    learning_rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=settings.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, steps - warmup),
    )
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=0.05)
    # Decay would pull LENI's positive branch, and with it the signal, towards zero.
    optimizer.exclude_from_weight_decay(var_list=weights_without_decay(model))
    model.compile(
        optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=True if settings.jit_compile else "auto",
    )
    return model


def print_plan(
    settings: argparse.Namespace,
    data: Dataset,
    model: keras.Model,
    strategy: tf.distribute.Strategy,
) -> None:
    counts = ", ".join(f"{count:,} {split}" for split, count in data.counts.items())
    shape = " x ".join(map(str, data.input_shape))
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    replicas = strategy.num_replicas_in_sync
    print(f"Data      {data.name}: {counts} images of {shape} in {data.num_classes} classes")
    print(f"Network   {settings.model}, {settings.activation}: {model.count_params():,} parameters")
    print(f"Training  {settings.epochs} epochs of {len(data.train)} x {settings.batch_size} images")
    print(f"Devices   {replicas} x {kind}, {keras.config.dtype_policy().name}")
    print(f"Output    {settings.output_dir}", flush=True)


def draw(history: dict, test: dict, settings: argparse.Namespace, path: pathlib.Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    epochs = range(1, len(history["loss"]) + 1)
    for panel, quantity in zip(panels, ("accuracy", "loss"), strict=True):
        panel.plot(epochs, history[quantity], ".-", label="training")
        panel.plot(epochs, history[f"val_{quantity}"], ".-", label="validation")
        panel.plot(epochs[-1], test[quantity], "k*", label=f"test: {test[quantity]:.4f}")
        panel.set(xlabel="epoch", ylabel=quantity)
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.3)
        panel.legend()
    panels[1].set_yscale("log")
    figure.suptitle(f"{settings.model} with {settings.activation} on {settings.dataset}")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def save_in_one_go(path: pathlib.Path, save) -> None:
    temporary = path.with_name(f"unfinished_{path.name}")
    save(temporary)
    os.replace(temporary, path)


def write_json(path: pathlib.Path, content: dict) -> None:
    save_in_one_go(path, lambda temporary: temporary.write_text(json.dumps(content, indent=2)))


def read_json(path: pathlib.Path, key: str, kind: type) -> dict:
    """A JSON object of a run, which has a value of that kind under the key."""
    try:
        content = json.loads(path.read_text())
        if not isinstance(content[key], kind):
            raise ValueError(f"its {key} is {content[key]!r}")
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise damaged(path, str(error)) from error
    return content


def damaged(path: pathlib.Path, why: str) -> ValueError:
    reason = why.strip().splitlines()[-1] if why.strip() else "it can't be read"
    return ValueError(
        f"{path} is damaged ({reason}). It is kept: take another folder (--output-dir), or move "
        "this one away."
    )


if __name__ == "__main__":
    main()
