"""What whole networks cost: a training step, and inference before and after folding.

    python benchmarks/networks.py                      # all networks: about ten minutes
    python benchmarks/networks.py --networks ResNet50 --measure inference

TensorFlow graphs, with XLA where that is said, each network in a process of its own. Weights are
random, and LENI's scales and kernels are drawn: at its start LENI is its activation, which folding
would see. Prints Markdown tables and writes `benchmarks/results/networks_NETWORK.json`.
"""

import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys
import warnings

import numpy as np
from _timing import RESULTS, interleaved, write_result

NETWORKS = {"cifar_resnet20": 32, "ResNet50": 224, "MobileNetV2": 224}
TRAINING_BATCH = {"cifar_resnet20": 128, "ResNet50": 8, "MobileNetV2": 8}
INFERENCE_BATCHES = (1, 8)
MEASURES = ("inference", "inference XLA", "training")
VARIANTS = ("relu", "leni", "on_off_relu", "relu folded", "leni folded", "on_off_relu folded")
# Training steps of the large networks take seconds.
SECONDS_EACH = 10.0


def main():
    arguments = _arguments()
    if arguments.in_process:
        print(json.dumps(_measure(arguments.in_process, arguments)))
        return
    for name in arguments.networks:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        kept = _kept(name)
        commands = {**kept.pop("commands", {}), **dict.fromkeys(arguments.measure, _command())}
        record = {"commands": commands, **kept, **_in_own_process(name, arguments)}
        path = write_result(f"networks_{name}", record)
        print("\n".join(_table(name, record)), f"\n{path}")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--measure", nargs="+", choices=MEASURES, default=MEASURES)
    parser.add_argument("--repeats", type=int, default=31)
    parser.add_argument("--in-process", choices=NETWORKS, help=argparse.SUPPRESS)
    return parser.parse_args()


def _command():
    return shlex.join(["python", "benchmarks/networks.py", *sys.argv[1:]])


def _kept(name):
    """What an earlier run has measured and this one does not."""
    path = RESULTS / f"networks_{name}.json"
    if not path.exists():
        return {}
    kept = json.loads(path.read_text())
    return {key: kept[key] for key in ("commands", *MEASURES) if key in kept}


def _in_own_process(name, arguments):
    root = pathlib.Path(__file__).parents[1]
    search_path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, __file__, "--in-process", name]
    command += ["--measure", *arguments.measure, "--repeats", str(arguments.repeats)]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": search_path}
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def _measure(name, arguments):
    models = _variants(name)
    record = {"parameters": {variant: model.count_params() for variant, model in models.items()}}
    if "inference" in arguments.measure:
        record["inference"] = {
            f"batch {batch}": _time_inference(name, models, batch, arguments.repeats)
            for batch in INFERENCE_BATCHES
        }
    if "inference XLA" in arguments.measure:
        folded = {variant: models[variant] for variant in ("relu folded", "leni folded")}
        record["inference XLA"] = {
            f"batch {batch}": _time_inference(name, folded, batch, arguments.repeats, xla=True)
            for batch in INFERENCE_BATCHES
        }
    if "training" in arguments.measure:
        batch = TRAINING_BATCH[name]
        record["training"] = {
            f"batch {batch}": _time_training(name, models, batch, arguments.repeats)
        }
    return record


def _variants(name):
    from keras_negact import clone_with_activation, fold_for_inference

    models = {"relu": _network(name)}
    with warnings.catch_warnings():
        # The sites before sums stay as they are, which is what "skip" is for.
        warnings.simplefilter("ignore", UserWarning)
        for variant in ("leni", "on_off_relu"):
            models[variant] = clone_with_activation(models["relu"], variant, on_conflict="skip")
    _draw_leni(models["leni"])
    for variant in ("relu", "leni", "on_off_relu"):
        models[f"{variant} folded"] = fold_for_inference(models[variant], verbose=False)
    return models


def _network(name):
    import keras

    from keras_negact.models import cifar_resnet

    keras.utils.set_random_seed(0)
    if name == "cifar_resnet20":
        return cifar_resnet(20)
    return getattr(keras.applications, name)(weights=None, classifier_activation=None)


def _draw_leni(model):
    from keras_negact import LENI

    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, LENI):
            layer.positive_scale.assign(rng.uniform(0.8, 1.2, layer.positive_scale.shape))
            layer.negative_scale.assign(rng.uniform(0.8, 1.2, layer.negative_scale.shape))
            layer.kernel.assign(rng.normal(0, 0.1, layer.kernel.shape))


def _time_inference(name, models, batch, repeats, xla=False):
    import tensorflow as tf

    side = NETWORKS[name]
    images = tf.random.stateless_uniform((batch, side, side, 3), (0, 0))

    def step(model):
        graph = tf.function(lambda x: model(x, training=False), jit_compile=xla)
        return lambda: graph(images).numpy()

    steps = {variant: step(model) for variant, model in models.items()}
    return interleaved(steps, repeats, warm_up=3, seconds_each=SECONDS_EACH)


def _time_training(name, models, batch, repeats):
    import keras
    import tensorflow as tf

    side = NETWORKS[name]
    images = tf.random.stateless_uniform((batch, side, side, 3), (0, 0))
    labels = tf.zeros((batch,), "int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    steps = {}
    for variant in ("relu", "leni", "on_off_relu"):
        model = models[variant]
        model.compile(keras.optimizers.SGD(1e-4), loss, jit_compile=False)
        steps[variant] = lambda model=model: model.train_on_batch(images, labels)
    return interleaved(steps, repeats, warm_up=3, seconds_each=SECONDS_EACH)


def _table(name, record):
    lines = [f"\n### {name}", "| what | network | ms (quartiles) | of ReLU | of ReLU folded |"]
    lines.append("|---|---|---|---|---|")
    for measure in MEASURES:
        for batch, rows in record.get(measure, {}).items():
            for variant in VARIANTS:
                if variant in rows:
                    lines.append(_line(f"{measure}, {batch}", variant, rows))
    return lines


def _line(what, variant, rows):
    row = rows[variant]
    cells = [what, variant, f"{row['median_ms']:.1f} ({row['low_ms']:.1f}-{row['high_ms']:.1f})"]
    for reference in ("relu", "relu folded"):
        known = reference in rows
        ratio = row["median_ms"] / rows[reference]["median_ms"] if known else None
        cells.append(f"{ratio:.2f}" if known else "")
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
