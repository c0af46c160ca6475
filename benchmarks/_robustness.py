"""Robustness of the trained networks of `standard` to corrupted images."""

import json
import pathlib

import _accuracy_data
import keras
import numpy as np
from _corruptions import CORRUPTIONS, STRENGTHS, corrupted
from _fast_network_studies import (
    PROTOCOL,
    STANDARD,
    data_and_stem,
    fast_model,
    only,
)
from _paired_records import by_variant, compared, difference_cell, verdict_cell
from _records import finished, read_records

from keras_negact._batches import Batches
from keras_negact.comparison.compare import weights_path
from keras_negact.comparison.results import append_run

# Of the test set: fifty times as many for each network.
IMAGES = 1_000
SEEDS = 5


def robustness(settings, folder, share=(0, 1), **_) -> None:
    """Accuracy of every trained network on test images, corrupted in fifty ways."""
    _, stem = data_and_stem(settings)
    images, labels = (
        array[:IMAGES]
        for array in _accuracy_data.raw_images("cifar10", "test", settings.npz, settings.data_dir)
    )
    protocol = {**PROTOCOL, "images": len(images)}
    made = finished(folder, protocol)
    wanted = [
        (variant, seed, weights_path(settings.output_dir / "standard", variant, seed))
        for seed in range(settings.seeds or SEEDS)
        for variant in only(STANDARD, settings.variants)
    ][share[0] :: share[1]]
    waiting = [run for run in wanted if run[:2] not in made and run[2].exists()]
    spoilt = {
        name: [corrupted(images, name, strength) for strength in range(1, STRENGTHS + 1)]
        for name in (CORRUPTIONS if waiting else ())
    }
    folder.mkdir(parents=True, exist_ok=True)
    for variant, seed, path in waiting:
        keras.utils.clear_session()
        model = fast_model(stem, STANDARD[variant])
        model.load_weights(path)
        run = {
            "variant": variant,
            "seed": seed,
            "protocol": protocol,
            "clean": _accuracy(model, images, labels),
            "corrupted": {
                name: [_accuracy(model, x, labels) for x in of_strengths]
                for name, of_strengths in spoilt.items()
            },
        }
        append_run(folder / "runs.jsonl", run)
        print(f"{variant}, seed {seed}: {100 * _mean_over_all(run):.2f}", flush=True)
    write_robustness(read_records(folder), folder)


def _accuracy(model, images, labels) -> float:
    outputs = model.predict(Batches((images, labels), 500), verbose=0)
    return float(np.mean(np.argmax(outputs, axis=-1) == labels))


def write_robustness(runs: list[dict], folder: pathlib.Path) -> None:
    """`summary.md`: the mean over corruptions and strengths, and each corruption's own.

    The difference is of the mean over all fifty, to ReLU, paired by seed.
    """
    variants = by_variant(runs)
    if "relu" not in variants:
        return
    differences = compared(runs, "relu", _mean_over_all)
    means = {
        variant: float(np.mean([_mean_over_all(run) for run in own]))
        for variant, own in variants.items()
    }
    headings = ("variant", "corrupted", "difference (95 %)", "verdict", "clean")
    headings = (*headings, *CORRUPTIONS, "seeds")
    rows = [
        f"| {' | '.join(headings)} |",
        "|---|---:|---:|---|" + "---:|" * (len(CORRUPTIONS) + 2),
    ]
    for variant in sorted(means, key=lambda variant: (variant != "relu", -means[variant])):
        own, difference = variants[variant], differences.get(variant)
        cells = [variant, f"{100 * means[variant]:.2f}"]
        cells += [difference_cell(difference, 2), verdict_cell(difference)]
        cells.append(f"{100 * np.mean([run['clean'] for run in own]):.2f}")
        for corruption in CORRUPTIONS:
            cells.append(f"{100 * np.mean([run['corrupted'][corruption] for run in own]):.1f}")
        rows.append(f"| {' | '.join([*cells, str(len(own))])} |")
    rows += [
        "",
        "Accuracy on test images in percent: over ten corruptions at five strengths, on the images "
        "as they are, and over the strengths of each corruption. Difference: of the mean over all "
        "corruptions, to relu, paired by seed, in points. Protocol: "
        f"{json.dumps(runs[0]['protocol'])}.",
    ]
    (folder / "summary.md").write_text("\n".join(rows) + "\n")


def _mean_over_all(run) -> float:
    return float(np.mean(list(run["corrupted"].values())))


STUDIES = {"robustness": robustness}
