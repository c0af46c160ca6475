"""Milliseconds a step of `training.fit` against `Model.fit`, in one run.

    python benchmarks/training.py
    python benchmarks/training.py --networks small --groups "one device" --steps 20 --rounds 3

Every case trains the same network on the same random images of CIFAR's size. The cases of a group
take turns in one process, so that what else the machine does meets all of them alike; an epoch is a
measurement, the first one of every call is left out, and the median over all epochs is told. What
is done between the end of an epoch and the next one, where backups are written, is told apart.
`results/training_NETWORK.json` is written, and a table for `docs/distributed.md` is printed.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from _timing import write_result

ROOT = pathlib.Path(__file__).parents[1]
#: What runs in one process, the devices of which are divided once.
GROUPS = {
    "one device": ("Model.fit", "plain", "backup"),
    "mirrored": ("Model.fit, mirrored", "mirrored"),
    "two workers": ("two workers",),
}
#: What a case is compared to, and how many times its time it may take.
AGAINST = {
    "plain": ("Model.fit", 1.03),
    "backup": ("Model.fit", 1.03),
    "mirrored": ("Model.fit, mirrored", 1.05),
    "two workers": ("Model.fit", None),
}
NETWORKS = ("small", "resnet20")


def network(name: str, steps_per_execution: int):
    import keras

    from keras_negact.models import cifar_resnet

    if name == "small":
        model = keras.Sequential(
            [
                keras.Input((32, 32, 3)),
                keras.layers.AveragePooling2D(4),
                keras.layers.Flatten(),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(10),
            ]
        )
    else:
        model = cifar_resnet(20, activation="relu")
    model.compile(
        keras.optimizers.SGD(0.01, 0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    return model


def strategy_of(group: str, replicas: int):
    import tensorflow as tf

    from keras_negact.training import make_strategy

    if group == "mirrored":
        return make_strategy("mirrored", replicas)
    return make_strategy("multi_worker") if group == "two workers" else tf.distribute.get_strategy()


def measure(group: str, settings: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Seconds of every epoch but the first of each call, and between epochs, by case."""
    import numpy as np

    strategy = strategy_of(group, settings.replicas)
    generator = np.random.default_rng(0)
    count = settings.batch * settings.steps
    x = generator.normal(size=(count, 32, 32, 3)).astype("float32")
    y = generator.integers(0, 10, count)
    models = {}
    for case in GROUPS[group]:
        with strategy.scope():
            models[case] = network(settings.network, settings.steps_per_execution)
    durations: dict[str, dict] = {case: {"epochs": [], "between": []} for case in models}
    for number in range(settings.rounds):
        # In turns, and in the other order every second time.
        for case in list(models)[:: 1 if number % 2 else -1]:
            moments = moments_of_epochs(case, models[case], x, y, settings)
            begins, ends = moments[::2], moments[1::2]
            durations[case]["epochs"] += [e - b for b, e in zip(begins[1:], ends[1:], strict=True)]
            durations[case]["between"] += [b - e for b, e in zip(begins[1:], ends, strict=False)]
    return durations


def moments_of_epochs(case: str, model, x, y, settings: argparse.Namespace) -> list[float]:
    """When each epoch began, and when it ended."""
    import keras

    from keras_negact.training import Backup, fit

    moments: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: moments.append(time.perf_counter()),
        on_epoch_end=lambda *_: moments.append(time.perf_counter()),
    )
    arguments = {"batch_size": settings.batch, "epochs": settings.epochs + 1, "verbose": 0}
    if case.startswith("Model.fit"):
        model.fit(x, y, callbacks=[clock], **arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:
            callbacks = [Backup(folder), clock] if case == "backup" else [clock]
            fit(model, x, y, callbacks=callbacks, **arguments)
    return moments


def measured_elsewhere(group: str, name: str, settings: argparse.Namespace) -> dict:
    """`measure` in a process of its own, or in two."""
    launcher = ["-m", "keras_negact.launch", "--workers", 2] if group == "two workers" else []
    command = [
        sys.executable, *launcher, __file__, "measure", "--group", group, "--network", name,
        "--batch", settings.batch, "--steps", settings.steps, "--epochs", settings.epochs,
        "--rounds", settings.rounds, "--replicas", settings.replicas,
        "--steps-per-execution", settings.steps_per_execution,
    ]  # fmt: skip
    output = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    line = next(line for line in output.splitlines() if "RESULT " in line)
    return json.loads(line.partition("RESULT ")[2])


def compare(name: str, settings: argparse.Namespace) -> None:
    """Measure a network in all groups, write the results and print the table."""
    found: dict[str, dict[str, list[float]]] = {}
    for group in settings.groups:
        found |= measured_elsewhere(group, name, settings)
    steps = {case: statistics.median(of["epochs"]) / settings.steps for case, of in found.items()}
    results = []
    for case, of in found.items():
        base, most = AGAINST.get(case, (case, None))
        results.append(
            {
                "case": case,
                "milliseconds_per_step": 1e3 * steps[case],
                "least": 1e3 * min(of["epochs"]) / settings.steps,
                "greatest": 1e3 * max(of["epochs"]) / settings.steps,
                "milliseconds_between_epochs": 1e3 * statistics.median(of["between"]),
                "against": base,
                "ratio": steps[case] / steps[base] if base in steps else None,
                "target": most,
            }
        )
    record = {
        "command": " ".join(["python", "benchmarks/training.py", *sys.argv[1:]]),
        "network": name,
        "batch": settings.batch,
        "steps": settings.steps,
        "epochs": settings.rounds * settings.epochs,
        "replicas": settings.replicas,
        "steps_per_execution": settings.steps_per_execution,
        "results": results,
    }
    write_result(f"{settings.name}_{name}", record)
    print(
        f"\n| {name} | ms a step (least to greatest) | against | times as long | target "
        "| ms between epochs |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for one in results:
        ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f}"
        print(
            f"| {one['case']} | {one['milliseconds_per_step']:.2f} "
            f"({one['least']:.2f} to {one['greatest']:.2f}) | {one['against']} | {ratio} "
            f"| {one['target'] or ''} | {one['milliseconds_between_epochs']:.1f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="?", choices=["compare", "measure"], default="compare")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--groups", nargs="+", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=50, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=3, help="measured in a call")
    parser.add_argument("--rounds", type=int, default=7, help="calls of each case")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--steps-per-execution", type=int, default=1)
    parser.add_argument("--name", default="training", help="of the result files")
    parser.add_argument("--group", help=argparse.SUPPRESS)
    parser.add_argument("--network", help=argparse.SUPPRESS)
    settings = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if settings.command == "compare":
        for name in settings.networks:
            compare(name, settings)
        return
    seconds = measure(settings.group, settings)
    from keras_negact.training import is_chief

    if is_chief():
        print("RESULT " + json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
