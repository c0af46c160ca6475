"""Milliseconds a step of `training.fit` against `Model.fit`, in one run.

    python benchmarks/training.py
    python benchmarks/training.py --networks small --cases plain backup --steps 20 --rounds 3

Every case trains the same network on the same random images. Rounds of the cases alternate, so that
what else the machine does meets all of them alike; an epoch is a measurement, the first one of
every call is left out, and the median over all epochs is told. `results/training.json` is written,
and a table for `docs/distributed.md` is printed.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

RESULTS = pathlib.Path(__file__).parent / "results" / "training.json"
ROOT = pathlib.Path(__file__).parents[1]
#: Cases, the one that each is compared to, and how many times its time it may take.
CASES = {
    "Model.fit": ("Model.fit", None),
    "plain": ("Model.fit", 1.03),
    "shuffled": ("Model.fit", 1.03),
    "backup": ("Model.fit", 1.03),
    "Model.fit, mirrored": ("Model.fit, mirrored", None),
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


def measure(case: str, settings: argparse.Namespace) -> list[float]:
    """Seconds of every epoch but the first, in this process."""
    import keras
    import numpy as np
    import tensorflow as tf

    from keras_negact.training import Backup, fit, make_strategy

    strategy = tf.distribute.get_strategy()
    if "mirrored" in case:
        strategy = make_strategy("mirrored", settings.replicas)
    if case == "two workers":
        strategy = make_strategy("multi_worker")
    generator = np.random.default_rng(0)
    count = settings.batch * settings.steps
    x = generator.normal(size=(count, 32, 32, 3)).astype("float32")
    y = generator.integers(0, 10, count)
    moments: list[float] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: moments.append(time.perf_counter()),
        on_epoch_end=lambda *_: moments.append(time.perf_counter()),
    )
    with strategy.scope():
        model = network(settings.network, settings.steps_per_execution)
    arguments = {
        "batch_size": settings.batch,
        "epochs": settings.epochs + 1,
        "verbose": 0,
        "shuffle": case != "plain",
    }
    with tempfile.TemporaryDirectory() as folder:
        if case.startswith("Model.fit"):
            model.fit(x, y, callbacks=[clock], **arguments)
        else:
            callbacks = [Backup(folder), clock] if case == "backup" else [clock]
            fit(model, x, y, callbacks=callbacks, **arguments)
    durations = [end - begin for begin, end in zip(moments[::2], moments[1::2], strict=True)]
    return durations[1:]


def measured_elsewhere(case: str, name: str, settings: argparse.Namespace) -> list[float]:
    """`measure` in processes of its own, since devices are divided once in a process."""
    launcher = ["-m", "keras_negact.launch", "--workers", 2] if case == "two workers" else []
    command = [
        sys.executable, *launcher, __file__, "measure", "--case", case, "--network", name,
        "--batch", settings.batch, "--steps", settings.steps, "--epochs", settings.epochs,
        "--replicas", settings.replicas, "--steps-per-execution", settings.steps_per_execution,
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


def memory(settings: argparse.Namespace) -> dict[str, float]:
    """Megabytes at the peak after 20 epochs with a backup, and after all of them."""
    import keras
    import numpy as np

    from keras_negact.training import Backup, fit

    peaks: list[float] = []
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: peaks.append(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        )
    )
    x = np.random.default_rng(0).normal(size=(512, 32, 32, 3)).astype("float32")
    y = np.random.default_rng(0).integers(0, 10, 512)
    with tempfile.TemporaryDirectory() as folder:
        fit(
            network("small", 1),
            x,
            y,
            batch_size=64,
            epochs=settings.memory_epochs,
            verbose=0,
            callbacks=[Backup(folder), note],
        )
    after = min(20, settings.memory_epochs)
    return {"epochs": len(peaks), f"peak_after_{after}": peaks[after - 1], "peak_at_end": peaks[-1]}


def compare(settings: argparse.Namespace) -> None:
    """Measure all cases, write the results and print the table."""
    wanted = [case for case in CASES if case in settings.cases or case.startswith("Model.fit")]
    if not {"mirrored"} & set(settings.cases):
        wanted.remove("Model.fit, mirrored")
    results = []
    for name in settings.networks:
        epochs: dict[str, list[float]] = {case: [] for case in wanted}
        for _ in range(settings.rounds):
            for case in wanted:
                epochs[case] += measured_elsewhere(case, name, settings)
        steps = {case: statistics.median(of) / settings.steps for case, of in epochs.items()}
        for case in wanted:
            base, most = CASES[case]
            results.append(
                {
                    "network": name,
                    "case": case,
                    "milliseconds_per_step": 1e3 * steps[case],
                    "least": 1e3 * min(epochs[case]) / settings.steps,
                    "greatest": 1e3 * max(epochs[case]) / settings.steps,
                    "against": base,
                    "ratio": steps[case] / steps[base],
                    "target": most,
                }
            )
    record = {
        "batch": settings.batch,
        "steps": settings.steps,
        "epochs": settings.rounds * settings.epochs,
        "replicas": settings.replicas,
        "steps_per_execution": settings.steps_per_execution,
        "cpus": len(os.sched_getaffinity(0)),
        "results": results,
        "memory": memory(settings),
    }
    settings.output.write_text(json.dumps(record, indent=2) + "\n")
    print("| network | | ms a step (least to greatest) | against | times as long | target |")
    print("| --- | --- | --- | --- | --- | --- |")
    for one in results:
        print(
            f"| {one['network']} | {one['case']} | {one['milliseconds_per_step']:.2f} "
            f"({one['least']:.2f} to {one['greatest']:.2f}) | {one['against']} "
            f"| {one['ratio']:.2f} | {one['target'] or ''} |"
        )
    print(f"\nMemory: {record['memory']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", nargs="?", choices=["compare", "measure"], default="compare")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=50, help="of an epoch")
    parser.add_argument("--epochs", type=int, default=3, help="measured in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--steps-per-execution", type=int, default=1)
    parser.add_argument("--memory-epochs", type=int, default=200)
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--network", help=argparse.SUPPRESS)
    settings = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if settings.command == "compare":
        compare(settings)
        return
    seconds = measure(settings.case, settings)
    from keras_negact.training import is_chief

    if is_chief():
        print("RESULT " + json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
