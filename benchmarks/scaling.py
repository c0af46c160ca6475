"""Time and traffic of a training step against the number of workers and of replicas.

    python benchmarks/scaling.py measure --workers 1 2 --replicas 1 2 4
    python benchmarks/scaling.py model

`measure` trains a CIFAR ResNet with LENI on random images, with a fixed global batch, and
writes `results/scaling.json`. The traffic is what the loopback interface carried, so nothing else
may use it meanwhile. `model` prints what larger clusters would cost on paper; `docs/distributed.md`
has the formula.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

RESULTS = pathlib.Path(__file__).parent / "results" / "scaling.json"
ROOT = pathlib.Path(__file__).parents[1]


def train(batch: int, steps: int, depth: int, replicas: int) -> None:
    """Train as this process's part, and let the chief print one line of JSON."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import numpy as np

    from keras_negact.models import cifar_resnet
    from keras_negact.training import fit, is_chief, make_strategy

    strategy = make_strategy("auto", replicas if replicas > 1 else None)
    with strategy.scope():
        model = cifar_resnet(depth, activation="leni")
        model.compile(
            keras.optimizers.SGD(0.1, 0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
    generator = np.random.default_rng(0)
    x = generator.normal(size=(batch * steps, 32, 32, 3)).astype("float32")
    y = generator.integers(0, 10, len(x))
    moments: list[tuple[float, int]] = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda *_, **__: moments.append((time.perf_counter(), loopback_bytes()))
    )
    # The first epoch traces; the second one counts.
    fit(model, x, y, batch_size=batch, epochs=2, verbose=0, callbacks=[note])
    counted = moments[steps:]
    durations = np.diff([moment for moment, _ in counted])
    if is_chief():
        result = {
            "seconds_per_step": float(np.median(durations)),
            "seconds_per_step_least": float(durations.min()),
            "seconds_per_step_most": float(durations.max()),
            "loopback_bytes_per_step": (counted[-1][1] - counted[0][1]) / (len(counted) - 1),
            "trainable_bytes": sum(4 * int(np.prod(v.shape)) for v in model.trainable_variables),
        }
        print("RESULT " + json.dumps(result), flush=True)


def loopback_bytes() -> int:
    """What the loopback interface has received since the machine was started."""
    for line in pathlib.Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith("lo:"):
            return int(line.split(":")[1].split()[0])
    return 0


def measure(workers: list[int], replicas: list[int], batch: int, steps: int, depth: int) -> None:
    """Run `train` once for each number of workers and of replicas."""
    results = []
    runs = [("workers", n) for n in workers] + [("replicas", n) for n in replicas if n > 1]
    for kind, count in runs:
        arguments = ["train", "--batch", batch, "--steps", steps, "--depth", depth]
        launcher = []
        if kind == "workers" and count > 1:
            launcher = ["-m", "keras_negact.launch", "--workers", count]
        if kind == "replicas":
            arguments += ["--count", count]
        command = [sys.executable, *launcher, __file__, *arguments]
        output = subprocess.run(
            [str(part) for part in command],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        line = next(line for line in output.splitlines() if "RESULT " in line)
        result = {
            kind: count,
            "depth": depth,
            "global_batch": batch,
            **json.loads(line.split("RESULT ")[1]),
        }
        print(json.dumps(result), flush=True)
        results.append({**result, "load_average": os.getloadavg()[0]})
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"cpus": os.cpu_count(), "runs": results}, indent=2) + "\n")


def on_paper(
    workers: int, gigabits: float, size: float, compute: float, latency: float
) -> tuple[float, float]:
    """Seconds that a ring all-reduce of `size` bytes takes, and the efficiency without overlap."""
    bandwidth = gigabits * 1e9 / 8
    reduce = 2 * (workers - 1) / workers * size / bandwidth + 2 * (workers - 1) * latency
    return reduce, compute / (compute + reduce)


def print_model(compute: float) -> None:
    """Print the table of `docs/distributed.md`."""
    networks = {"CIFAR ResNet-20": 0.28e6 * 4, "ResNet-50": 25.6e6 * 4}
    links = {10: 25e-6, 100: 5e-6}
    print("| network | workers | link | all-reduce | efficiency, no overlap |")
    print("| --- | --- | --- | --- | --- |")
    for name, size in networks.items():
        for workers in (8, 64, 512):
            for gigabits, latency in links.items():
                reduce, efficiency = on_paper(workers, gigabits, size, compute, latency)
                print(
                    f"| {name} | {workers} | {gigabits} Gb/s | {1e3 * reduce:.1f} ms "
                    f"| {100 * efficiency:.0f} % |"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["measure", "model", "train"])
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--replicas", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--batch", type=int, default=64, help="global batch size")
    parser.add_argument("--steps", type=int, default=20, help="steps that are timed")
    parser.add_argument("--depth", type=int, default=20, help="of the CIFAR ResNet")
    parser.add_argument("--count", type=int, default=1, help="replicas of one `train`")
    parser.add_argument("--compute", type=float, default=0.1, help="seconds of a step on paper")
    settings = parser.parse_args()
    if settings.action == "measure":
        measure(settings.workers, settings.replicas, settings.batch, settings.steps, settings.depth)
    elif settings.action == "train":
        train(settings.batch, settings.steps, settings.depth, settings.count)
    else:
        print_model(settings.compute)


if __name__ == "__main__":
    main()
