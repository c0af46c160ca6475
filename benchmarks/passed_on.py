"""How much of what a ReLU would discard a trained LENI passes on, as a change since its start.

    python benchmarks/passed_on.py --data-dir TFDS_DIR

`LENI()` and the same with a gain of 1 in the two networks of the study `learning`, trained as
there (`accuracy.py --studies learning`), one seed. Told is the seen energy,
`||f(x) - f(relu(x))||^2 / ||relu(-x)||^2`, over validation images, before training and after, for
each block; `benchmarks/results/passed_on.json` has them all.
"""

import argparse
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import _accuracy_data
import _accuracy_search
import keras
from _default_studies import REDUCED, REDUCED_NETWORKS
from _timing import write_result

from keras_negact import LENI
from keras_negact.analysis import negative_information_report
from keras_negact.comparison import activation_variants

BLOCKS = {"leni": LENI, "leni, gain 1": lambda: LENI(kernel_gain=1.0)}
SEED = 0
LIMIT = 512


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its data")
    parser.add_argument("--npz", help="a folder with .npz chunks, instead")
    settings = parser.parse_args()
    data = _accuracy_data.load("cifar10", REDUCED, settings.npz, settings.data_dir)(SEED)
    found = {}
    for network, make in REDUCED_NETWORKS.items():
        for name, build in activation_variants(make("cifar10", REDUCED), BLOCKS).items():
            blocks = found.setdefault(network, {})[name] = trained(build, data)
            before, after = (
                statistics.median(b[when] for b in blocks) for when in ("start", "end")
            )
            most = max(block["end"] for block in blocks)
            print(f"{network}, {name}: {before:.4f} -> {after:.4f}, at most {most:.4f}", flush=True)
    command = "python benchmarks/passed_on.py --data-dir TFDS_DIR"
    print(write_result("passed_on", {"command": command, "seed": SEED, "networks": found}))


def trained(build, data) -> list[dict]:
    """Of each block its path and what it passes on, at the start and at the end."""
    keras.utils.set_random_seed(SEED)
    steps = REDUCED.epochs * len(data.train_at(0))
    model = _accuracy_search.trained_with(build, REDUCED, steps, REDUCED.peak)()
    start = passed_on(model, data)
    for epoch in range(REDUCED.epochs):
        model.fit(
            data.train_at(epoch), epochs=epoch + 1, initial_epoch=epoch, shuffle=False, verbose=0
        )
    end = passed_on(model, data)
    return [{"site": path, "start": start[path], "end": end[path]} for path in start]


def passed_on(model, data) -> dict[str, float]:
    report = negative_information_report(model, data.validation, limit=LIMIT, verbose=0)
    return {site.path: site.seen_energy for site in report.sites}


if __name__ == "__main__":
    main()
