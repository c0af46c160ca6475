"""How long a swap takes, against Keras's own cloning of the same network in the same run.

    python benchmarks/cloning.py [--network ResNet50] [--repeats 7] [--name cloning]

Three things are timed in turn, so that all see the same machine: `clone_model` and `set_weights`,
`clone_with_activation(model, "leni")`, and its plan alone. Then the plans of chains of 250 and of
1,000 activations. Each runs once before the clock starts. The result, with the medians and the
fastest of each, goes to `benchmarks/results/cloning.json`.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

import keras
from _timing import write_result

from keras_negact import clone_with_activation, plan_activation_swap

CHAINS = (250, 1000)
# Keras walks a graph by recursion, a few frames a layer.
sys.setrecursionlimit(20 * max(CHAINS))


def keras_clone(model: keras.Model) -> None:
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())


def chain(activations: int) -> keras.Model:
    """So many convolutions, each with an activation behind."""
    inputs = x = keras.Input((8, 8, 4))
    for _ in range(activations):
        x = keras.layers.ReLU()(keras.layers.Conv2D(4, 1)(x))
    return keras.Model(inputs, x)


def seconds(function: Callable, *arguments) -> tuple[float, float]:
    """Seconds on the clock, and of this process's own computing."""
    wall, cpu = time.perf_counter(), time.process_time()
    function(*arguments)
    return time.perf_counter() - wall, time.process_time() - cpu


def measured(contenders: dict[str, tuple], repeats: int) -> dict[str, dict[str, float]]:
    for call in contenders.values():
        seconds(*call)
    times: dict[str, list] = {name: [] for name in contenders}
    for repeat in range(repeats):
        for name, call in contenders.items():
            times[name].append(seconds(*call))
        print(f"{repeat + 1} of {repeats}", file=sys.stderr, flush=True)
    return {
        name: {
            "median_s": statistics.median(wall for wall, _ in runs),
            "fastest_s": min(wall for wall, _ in runs),
            "median_cpu_s": statistics.median(cpu for _, cpu in runs),
        }
        for name, runs in times.items()
    }


def ratio(ours: dict[str, float], theirs: dict[str, float]) -> dict[str, float]:
    return {key.removesuffix("_s"): ours[key] / theirs[key] for key in ours}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="ResNet50", help="a name in keras.applications")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--name", default="cloning", help="of the result file")
    arguments = parser.parse_args()
    model = getattr(keras.applications, arguments.network)(weights=None)
    cloning = measured(
        {
            "clone_model and set_weights": (keras_clone, model),
            "clone_with_activation": (clone_with_activation, model, "leni"),
            "plan_activation_swap": (plan_activation_swap, model, "leni"),
        },
        arguments.repeats,
    )
    planning = measured(
        {f"{size} activations": (plan_activation_swap, chain(size), "leni") for size in CHAINS},
        arguments.repeats,
    )
    of_fewer, of_more = planning.values()
    record = {
        "command": " ".join(["python", "benchmarks/cloning.py", *sys.argv[1:]]),
        "network": arguments.network,
        "seconds": cloning | planning,
        "cloning, ratio to clone_model and set_weights": ratio(
            cloning["clone_with_activation"], cloning["clone_model and set_weights"]
        ),
        f"planning, ratio of {CHAINS[1]} activations to {CHAINS[0]}": ratio(of_more, of_fewer),
    }
    print(json.dumps(record, indent=2))
    print(write_result(arguments.name, record))


if __name__ == "__main__":
    main()
