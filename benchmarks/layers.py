"""What the layers cost beside their rivals and beside the machine's limits.

    python benchmarks/layers.py                        # all modes and sizes: about ten minutes
    python benchmarks/layers.py --modes jax --sizes 64x32x32x64

Prints a table and writes `benchmarks/results/layers.json`. Each mode runs in a process of its own,
since Keras fixes its backend when it is imported. On a machine with a GPU and without TensorFlow:
`--modes jax --name layers_gpu`.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
from _timing import interleaved, write_result

SIZES = ("64x32x32x64", "8x112x112x64", "64x8x8x512", "64x1024x64", "8x16x16x16x64", "4096x1024")
MODES = ("tf", "tf-xla", "jax")
COPY_ELEMENTS = 2**27
MAIN_SIZE = SIZES[0]


def main():
    arguments = _arguments()
    if arguments.in_process:
        print(json.dumps(_measure(arguments.in_process, arguments)))
        return
    records = {}
    for mode in arguments.modes:
        print(f"measuring {mode} ...", file=sys.stderr, flush=True)
        records[mode] = _in_own_process(mode, arguments)
        _print_table(mode, records[mode])
    print(write_result(arguments.name, {"command": _command(), "modes": records}))


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="BATCHx...xCHANNELS")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument(
        "--no-growth", action="store_true", help="leave out how times grow with the sizes"
    )
    parser.add_argument("--name", default="layers", help="of the result file")
    parser.add_argument("--in-process", choices=MODES, help=argparse.SUPPRESS)
    return parser.parse_args()


def _command():
    return " ".join(["python", "benchmarks/layers.py", *sys.argv[1:]])


def _in_own_process(mode, arguments):
    root = pathlib.Path(__file__).parents[1]
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax" if mode == "jax" else "tensorflow",
        "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, __file__, "--in-process", mode, "--sizes", *arguments.sizes]
    command += ["--repeats", str(arguments.repeats), *["--no-growth"] * arguments.no_growth]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _measure(mode, arguments):
    record = {"device": _device(mode), "copy_bytes_per_second": _copy_bandwidth(mode)}
    record["sizes"] = {
        size: _measure_size(mode, size, arguments.repeats, record["copy_bytes_per_second"])
        for size in arguments.sizes
    }
    record["growth_exponents"] = {} if arguments.no_growth else _growth(mode)
    return record


def _measure_size(mode, size, repeats, bandwidth):
    from compiled_steps import steps
    from contenders import contenders

    shape = tuple(map(int, size.split("x")))
    inputs = np.random.default_rng(0).standard_normal(shape).astype("float32")
    layers = contenders(shape)
    if mode != "tf" or size != MAIN_SIZE:
        # A grouped convolution under XLA on CPU takes seconds a step: measured once, where asked.
        layers.pop("leni_composed", None)
    made = {name: steps(mode, layer, inputs, mode == "jax") for name, layer in layers.items()}
    forward = interleaved({name: step[0] for name, step in made.items()}, repeats)
    training = interleaved({name: step[1] for name, step in made.items()}, repeats)
    doubling = ("crelu", "on_off_relu")
    return {
        name: {
            "forward": forward[name],
            "training": training[name],
            "forward_floor_ms": round(
                1e3 * inputs.nbytes * (3 if name in doubling else 2) / bandwidth, 4
            ),
            "training_step_bytes": made[name][2],
        }
        for name in layers
    }


def _copy_bandwidth(mode):
    """Bytes read and written a second by the backend's own pass over half a gigabyte."""
    import keras
    from compiled_steps import steps

    layer = keras.layers.Rescaling(1.0, offset=1.0)
    forward = steps(mode, layer, np.zeros((COPY_ELEMENTS // 1024, 1024), "float32"))[0]
    return 2 * 4 * COPY_ELEMENTS / (interleaved({"copy": forward}, 7)["copy"]["median_ms"] / 1e3)


def _growth(mode):
    """The exponent of time over elements when batch, side or channels double, from 2^20 up.

    ReLU's tells how much of the distance from 1 is the call's fixed time and the caches' sizes.
    """
    from compiled_steps import steps
    from keras.layers import ReLU

    from keras_negact import LENI, OnOffReLU

    grown = {
        "batch": [(16 * 2**i, 32, 32, 64) for i in range(4)],
        "side": [(16, 32 * 2**i, 32 * 2**i, 64) for i in range(3)],
        "channels": [(16, 32, 32, 64 * 2**i) for i in range(4)],
    }
    exponents = {}
    for make in (LENI, OnOffReLU, ReLU):
        for axis, shapes in grown.items():
            made = {
                shape: steps(mode, make(), np.random.default_rng(0).random(shape, "float32") - 0.5)
                for shape in shapes
            }
            for number, kind in enumerate(("forward", "training")):
                times = interleaved({shape: step[number] for shape, step in made.items()}, 7)
                elements = [np.log(np.prod(shape)) for shape in shapes]
                medians = [np.log(times[shape]["median_ms"]) for shape in shapes]
                slope = np.polyfit(elements, medians, 1)[0]
                exponents[f"{make.__name__} {axis} {kind}"] = round(float(slope), 3)
    return exponents


def _device(mode):
    if mode == "jax":
        import jax

        return jax.devices()[0].device_kind
    import tensorflow as tf

    return "GPU" if tf.config.list_physical_devices("GPU") else "CPU"


def _print_table(mode, record):
    bandwidth = record["copy_bytes_per_second"] / 1e9
    print(f"\n{mode} on {record['device']}, a copy moves {bandwidth:.1f} GB/s")
    for size, rows in record["sizes"].items():
        print(f"\n{size:22s} forward ms (quartiles)    training ms (quartiles)   floor ms")
        for name, row in rows.items():
            print(
                f"  {name:20s} {_cell(row['forward'])}  {_cell(row['training'])}"
                f"  {row['forward_floor_ms']:8.2f}  {_memory(row['training_step_bytes'])}"
            )
    if record["growth_exponents"]:
        print("\ngrowth exponents:", record["growth_exponents"])


def _cell(times):
    return f"{times['median_ms']:8.2f} ({times['low_ms']:.2f}-{times['high_ms']:.2f})".ljust(24)


def _memory(bytes_of):
    return ", ".join(f"{name} {value / 2**20:.1f} MiB" for name, value in bytes_of.items())


if __name__ == "__main__":
    main()
