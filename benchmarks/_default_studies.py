"""Whether the block learns, and how its default was chosen, on validation images alone.

| study | asks | networks |
|---|---|---|
| `learning` | does a trained kernel beat the one of the start | `on_off_cnn`, `cifar_resnet20` |
| `learning_faster` | the same at ten times the rate, the reduced protocol's | the same |
| `choice` | which candidate becomes the default | these two and a narrow `fast_network` |
| `choice_of_gain` | which of its gains goes with the most rates | the first two |
"""

import dataclasses
import json
import math

import _accuracy_data
import _accuracy_search
import _accuracy_studies
import _fast_network
import keras
from _fast_network_studies import Setting, fast_variant, only, registered
from _leni_candidates import CANDIDATES, frozen_kernel, relu_and_depthwise

from keras_negact import LENI, _files
from keras_negact.analysis import negative_information_report
from keras_negact.comparison import activation_variants, compare_activations
from keras_negact.comparison.compare import weights_path

CONTROLS = {
    "relu": "relu",
    "relu + depthwise": relu_and_depthwise,
    "funnel": lambda: registered("FunnelReLU"),
}
STILL = "leni, frozen kernel"
CHOSEN = "leni, gain 2"
# Spelled out, so that they stay what they were, whatever the default becomes.
LEARNING = {STILL: frozen_kernel} | {
    f"leni, gain {gain}": LENI(kernel_gain=float(gain)) for gain in (1, 2, 3)
}
# No seeds that anything else is reported for.
CHOICE_SEEDS = (200, 201, 202)
CHOSEN_ON = {"evaluate_on": "validation", "reference": "relu"}
GAINS_CHOSEN_FROM = ("keep", "keep, gain 2", "keep, gain 3")
RATES = (0.03, 0.1, 0.3)
LEARNING_SEEDS = 6
FAST_EPOCHS, FAST_IMAGES, FAST_WIDTHS = 3, 20_000, (32, 64, 64)
REDUCED = _accuracy_studies.PROTOCOLS["reduced"]
# All but the gain of the default was chosen at a tenth of the reduced protocol's rate.
PEAK = 0.01
REDUCED_NETWORKS = {
    "cifar_resnet20": _accuracy_studies.resnet20,
    "on_off_cnn": _accuracy_studies.plain_cnn,
}


def choice(settings, folder, **compare_more) -> None:
    """Candidates and controls in three networks, on validation images."""
    variants = only({**CONTROLS, **CANDIDATES}, settings.variants)
    more = {**CHOSEN_ON, **compare_more}
    seeds = CHOICE_SEEDS[: settings.seeds]
    for network in REDUCED_NETWORKS:
        _reduced(network, variants, seeds, settings, folder, more)
    data = _accuracy_data.whole(settings.npz, settings.data_dir, images=FAST_IMAGES)
    stem = _fast_network.whitening_kernel(_accuracy_data.first_images(data, 5_000))
    epochs = settings.epochs or FAST_EPOCHS
    compare_activations(
        {
            name: fast_variant(stem, Setting(activation), epochs, data, 1.0, FAST_WIDTHS)
            for name, activation in variants.items()
        },
        data,
        seeds,
        epochs,
        folder / "fast_network",
        protocol={"network": "fast_network", "widths": list(FAST_WIDTHS)},
        **more,
    )


def choice_of_gain(settings, folder, **compare_more) -> None:
    """Three gains and ReLU at three higher rates than `choice` has, on validation images."""
    gains = {"relu": "relu"} | {name: CANDIDATES[name] for name in GAINS_CHOSEN_FROM}
    variants = only(gains, settings.variants)
    more = {**CHOSEN_ON, **compare_more}
    seeds = CHOICE_SEEDS[: settings.seeds]
    for peak in RATES:
        for network in REDUCED_NETWORKS:
            _reduced(network, variants, seeds, settings, folder / f"{peak:g}", more, peak)


def learning(settings, folder, **compare_more) -> None:
    """LENI, with three gains, against the same with its kernel kept at its start; test images."""
    _learning(PEAK, settings, folder, compare_more)


def learning_faster(settings, folder, **compare_more) -> None:
    """The same at the rate of the reduced protocol."""
    _learning(REDUCED.peak, settings, folder, compare_more)


def _learning(peak, settings, folder, compare_more) -> None:
    more = {"reference": STILL, "keep_weights": True, **compare_more}
    variants = only(LEARNING, settings.variants)
    seeds = settings.seeds or LEARNING_SEEDS
    for network in REDUCED_NETWORKS:
        _reduced(network, variants, seeds, settings, folder, more, peak)
        _write_passed_on(network, seeds, settings, folder)


def _write_passed_on(network, seeds, settings, folder) -> None:
    """`passed_on.json`: what LENI gives the layer behind of what a ReLU discards, by site.

    With the gain that was chosen, at the start and trained, over 1,000 held-out images, for each
    seed whose weights are here.
    """
    path = folder / "passed_on.json"
    record = json.loads(path.read_text()) if path.exists() else {}
    of_seeds = record.setdefault(network, {})
    data = _accuracy_data.load("cifar10", REDUCED, settings.npz, settings.data_dir)
    build = REDUCED_NETWORKS[network]("cifar10", REDUCED)
    for seed in range(seeds):
        trained = weights_path(folder / network, CHOSEN, seed)
        if str(seed) in of_seeds or not trained.exists():
            continue
        keras.utils.set_random_seed(seed)
        model = activation_variants(build, LEARNING)[CHOSEN](seed=seed)
        start = negative_information_report(model, data(seed).validation, limit=1000, verbose=0)
        model.load_weights(trained)
        end = negative_information_report(model, data(seed).validation, limit=1000, verbose=0)
        of_seeds[str(seed)] = [
            {
                "path": one.path,
                "at_start": first.seen_energy,
                # JSON has no name for what a diverged network gives.
                "trained": one.seen_energy if math.isfinite(one.seen_energy) else None,
            }
            for first, one in zip(start.sites, end.sites, strict=True)
        ]
        _files.replace(path, json.dumps(record, indent=1, allow_nan=False) + "\n")


def _reduced(network, activations, seeds, settings, folder, compare_more, peak=PEAK) -> None:
    """4,000 images of 16 x 16: small, and enough to tell large differences."""
    protocol = dataclasses.replace(REDUCED, epochs=settings.epochs or REDUCED.epochs, peak=peak)
    data = _accuracy_data.load("cifar10", protocol, settings.npz, settings.data_dir)
    steps = protocol.epochs * len(data(0).train_at(0))
    build = REDUCED_NETWORKS[network]("cifar10", protocol)
    compare_activations(
        {
            name: _accuracy_search.trained_with(variant, steps, peak, protocol.weight_decay)
            for name, variant in activation_variants(build, activations).items()
        },
        data,
        seeds,
        protocol.epochs,
        folder / network,
        protocol={
            "network": network,
            "side": _accuracy_studies.input_shape("cifar10", protocol)[0],
            "peak": protocol.peak,
            "weight_decay": protocol.weight_decay,
        },
        **compare_more,
    )


STUDIES = {
    "choice": choice,
    "choice_of_gain": choice_of_gain,
    "learning": learning,
    "learning_faster": learning_faster,
}
