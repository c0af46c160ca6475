"""How long a swap takes, against Keras's own cloning of the same network in the same run.

    python benchmarks/cloning.py [--network ResNet50] [--repeats 7] [--output FILE]

Three things are timed in turn, so that all see the same machine: `clone_model` and `set_weights`,
`clone_with_activation(model, "leni")`, and its plan alone. Each runs once before the clock starts.
Then plans alone, of chains of 250 and of 1,000 convolutions with an activation each. The result,
with the medians and the fastest of each, goes to `benchmarks/results/cloning.json`.
"""

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path

import keras
from keras import layers

from keras_negact import clone_with_activation, plan_activation_swap

RESULTS = Path(__file__).parent / "results" / "cloning.json"


def keras_clone(model: keras.Model) -> keras.Model:
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


def seconds(function, *args) -> tuple[float, float]:
    """Seconds on the clock, and of this process's own computing."""
    wall, cpu = time.perf_counter(), time.process_time()
    function(*args)
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(model: keras.Model, repeats: int) -> dict:
    contenders = {
        "clone_model and set_weights": (keras_clone, model),
        "clone_with_activation": (clone_with_activation, model, "leni"),
        "plan_activation_swap": (plan_activation_swap, model, "leni"),
    }
    summary = timed_in_turn(contenders, repeats)
    ratio = ratios(summary["clone_with_activation"], summary["clone_model and set_weights"])
    return {"seconds": summary, "ratio": ratio}


def timed_in_turn(contenders: dict, repeats: int) -> dict:
    times = {name: [] for name in contenders}
    for call in contenders.values():
        seconds(*call)
    for repeat in range(repeats):
        for name, call in contenders.items():
            times[name].append(seconds(*call))
        print(f"{repeat + 1} of {repeats}", flush=True)
    return {
        name: {
            "median_s": statistics.median(wall for wall, _ in runs),
            "fastest_s": min(wall for wall, _ in runs),
            "median_cpu_s": statistics.median(cpu for _, cpu in runs),
        }
        for name, runs in times.items()
    }


def ratios(ours: dict, theirs: dict) -> dict:
    return {key.removesuffix("_s"): ours[key] / theirs[key] for key in ours}


def chain(activations: int) -> keras.Model:
    inputs = x = keras.Input((8, 8, 3))
    for _ in range(activations):
        x = layers.ReLU()(layers.Conv2D(4, 1)(x))
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def measure_planning(repeats: int, sizes: tuple[int, int] = (250, 1000)) -> dict:
    models = {str(size): chain(size) for size in sizes}
    few, many = models
    measured = {}
    for activation in ("leni", "on_off_relu"):
        contenders = {
            size: (plan_activation_swap, model, activation) for size, model in models.items()
        }
        summary = timed_in_turn(contenders, repeats)
        measured[activation] = {"seconds": summary, "ratio": ratios(summary[many], summary[few])}
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="ResNet50", help="a name in keras.applications")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    model = getattr(keras.applications, arguments.network)(weights=None)
    result = {
        "network": arguments.network,
        "command": f"python benchmarks/cloning.py --network {arguments.network} "
        f"--repeats {arguments.repeats}",
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load_at_the_end": None,
        **measure(model, arguments.repeats),
        "planning_by_activations": measure_planning(arguments.repeats),
    }
    result["load_at_the_end"] = os.getloadavg()[0]
    temporary = arguments.output.with_suffix(".tmp")
    temporary.write_text(json.dumps(result, indent=2) + "\n")
    os.replace(temporary, arguments.output)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
