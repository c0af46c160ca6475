"""The studies of `plasticity.py`: who trains on what, run by run."""

import functools
from collections.abc import Callable

import _accuracy_data
import _plastic_summary
import keras
import numpy as np
from _leni_candidates import CANDIDATES, earlier_leni
from _plastic_network import (
    ChannelPReLU,
    dead_parts,
    in_front_of_activations,
    learn_in_turn,
    permuted_pixels,
    plastic_cnn,
    plastic_mlp,
    random_labels,
)
from _records import finished, read_records
from _revival import REMEDIES

from keras_negact import LENI
from keras_negact._activations import resolve_activation
from keras_negact.comparison.results import append_run

RATE_SEED = 100
ADAM_RATES = (3e-4, 1e-3, 3e-3)
SGD_RATES = (1e-2, 3e-2, 1e-1)
DEAD_ACCURACY = 0.2


def leaky() -> keras.Layer:
    return keras.layers.LeakyReLU(negative_slope=0.25)


CNN = {
    "relu": ("relu", False),
    "leaky": (leaky, False),
    "prelu": (ChannelPReLU, False),
    "silu": ("silu", False),
    "gelu": ("gelu", False),
    "on_off": ("on_off_relu", False),
    "on_off_halved": ("on_off_relu", True),
    "leni": ("leni", False),
    "leni, gain 3": (earlier_leni, False),
}
MLP = {
    "relu": "relu",
    "gelu": "gelu",
    "on_off": "on_off_relu",
    "leni_pointwise": lambda: LENI(transform="pointwise"),
    "leni_pointwise, gain 3": lambda: earlier_leni(transform="pointwise"),
}


# With what they are held against.
WITH_CONTROLS = {
    "relu": ("relu", False),
    **{name: (candidate, False) for name, candidate in CANDIDATES.items()},
}


def candidate_study(images, labels, folder, settings) -> None:
    """Random labels, for what LENI's default was chosen from."""
    random_label_study(images, labels, folder, settings, WITH_CONTROLS)


def random_label_study(images, labels, folder, settings, variants=CNN) -> None:
    """Random labels, a CNN without normalization, Adam."""
    _relabelled(_small_images(images, settings), folder, settings, variants)


def digits_study(images, labels, folder, settings) -> None:
    """Random labels of handwritten digits."""
    x = images[: settings.images or 1_200].astype("float32") / 127.5 - 1
    _relabelled(x, folder, settings, CNN)


def _relabelled(x, folder, settings, variants) -> None:
    epochs = settings.epochs or 30

    def network(variant):
        activation, halved = variants[variant]
        return plastic_cnn(x.shape[1:], 10, activation, halved)

    _study(
        {name: activation for name, (activation, _) in variants.items()},
        network,
        functools.partial(random_labels, x, 10),
        lambda rate: keras.optimizers.Adam(rate),
        settings.rates or ADAM_RATES,
        folder,
        settings,
        {"network": "plastic_cnn", "images": len(x), "epochs": epochs, "batch_size": 50},
    )


def permuted_study(images, labels, folder, settings) -> None:
    """Permuted pixels, dense layers, SGD."""
    count = settings.images or 20_000
    x = images[:count].reshape(count, -1).astype("float32") / 127.5 - 1
    y = labels[:count].astype("int32")
    _study(
        MLP,
        lambda variant: plastic_mlp(x.shape[1], 10, MLP[variant]),
        functools.partial(permuted_pixels, x, y),
        lambda rate: keras.optimizers.SGD(rate),
        settings.rates or SGD_RATES,
        folder,
        settings,
        {
            "network": "plastic_mlp",
            "images": count,
            "epochs": settings.epochs or 1,
            "batch_size": 50,
        },
    )


def revival_study(images, labels, folder, settings) -> None:
    """ReLU until it is dead; then each remedy from the same weights, five tasks on."""
    x = _small_images(images, settings)
    epochs, after = settings.epochs or 30, 5
    protocol = {"network": "plastic_cnn", "images": len(x), "epochs": epochs, "batch_size": 50}
    protocol |= {"tasks_after": after, "rate": 1e-3}
    made = finished(folder, protocol)
    remedies = _wanted(REMEDIES, settings)
    for seed in range(settings.seeds):
        waiting = [name for name in remedies if (name, seed) not in made]
        if not waiting:
            continue
        task = random_labels(x, 10, seed)
        dead, record = _trained_to_death(x, task, epochs, settings.tasks, seed)
        for name in waiting:
            keras.utils.set_random_seed(seed)
            revived = REMEDIES[name](dead, x)
            _compiled(revived, keras.optimizers.Adam(1e-3))
            before = dead.predict(x, batch_size=400, verbose=0)
            change = np.abs(revived.predict(x, batch_size=400, verbose=0) - before).max()
            later = learn_in_turn(revived, _from(task, len(record)), after, epochs)
            run = {
                "variant": name,
                "seed": seed,
                "protocol": protocol,
                "died_after": len(record),
                "dead": dead_parts(in_front_of_activations(dead), x),
                "accuracy_when_dead": record[-1]["accuracy"],
                "largest_change_of_outputs": float(change),
                "tasks": later,
            }
            _append(folder, run)
    _plastic_summary.write_revival(read_records(folder), folder)


def _from(task, first):
    return lambda number: task(first + number)


def _trained_to_death(x, task, epochs, most, seed):
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = plastic_cnn(x.shape[1:], 10)
    _compiled(model, keras.optimizers.Adam(1e-3))
    record = []
    for number in range(most):
        record += learn_in_turn(model, _from(task, number), 1, epochs)
        if record[-1]["accuracy"] < DEAD_ACCURACY:
            break
    return model, record


def _study(activations, network, tasks_of, optimizer, rates, folder, settings, protocol) -> None:
    protocol = {**protocol, "tasks": settings.tasks, "rates": list(rates)}
    variants = _wanted(activations, settings)

    def one_run(variant, seed, rate, tasks):
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        model = network(variant)
        _compiled(model, optimizer(rate))
        return model, learn_in_turn(
            model, tasks_of(seed), tasks, protocol["epochs"], protocol["batch_size"]
        )

    made = finished(folder, protocol)
    for variant in variants if len(rates) > 1 else ():
        if (variant, RATE_SEED) in made:
            continue
        online = {
            rate: float(np.mean([t["online"] for t in one_run(variant, RATE_SEED, rate, 2)[1]]))
            for rate in rates
        }
        chosen = max(online, key=online.get)
        _append(
            folder,
            {
                "variant": variant,
                "seed": RATE_SEED,
                "protocol": protocol,
                "rate": chosen,
                "online_of_rates": {str(rate): value for rate, value in online.items()},
            },
        )
    chosen = dict.fromkeys(variants, rates[0])
    if len(rates) > 1:
        searched = (run for run in read_records(folder) if run["seed"] == RATE_SEED)
        chosen |= {run["variant"]: run["rate"] for run in searched}
    for seed in range(settings.seeds):
        for variant in variants:
            if (variant, seed) in made:
                continue
            model, record = one_run(variant, seed, chosen[variant], settings.tasks)
            run = {
                "variant": variant,
                "seed": seed,
                "protocol": protocol,
                "rate": chosen[variant],
                "activation": configuration(activations[variant]),
                "parameters": int(sum(np.prod(v.shape) for v in model.trainable_variables)),
                "tasks": record,
            }
            _append(folder, run)
    runs = [run for run in read_records(folder) if run["seed"] != RATE_SEED]
    if runs:
        _plastic_summary.write_curves(runs, folder)


def configuration(activation) -> dict:
    """The whole configuration of the layer that stands at each site, without its name."""
    layer = resolve_activation(activation)()
    config = {key: value for key, value in layer.get_config().items() if key != "name"}
    return {"class": type(layer).__name__, **{key: repr(value) for key, value in config.items()}}


def _compiled(model, optimizer) -> None:
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
        steps_per_execution=8,
    )


def _small_images(images, settings) -> np.ndarray:
    count = settings.images or 1_200
    x, _ = _accuracy_data.reduced(images[:count], np.zeros(count), count, 2)
    return x.astype("float32") / 127.5 - 1


def _wanted(variants, settings) -> list[str]:
    unknown = set(settings.variants or ()) - set(variants)
    if unknown:
        raise SystemExit(
            f"`--variants` must be of {', '.join(variants)}. Received: {', '.join(sorted(unknown))}"
        )
    return settings.variants or list(variants)


def _append(folder, run) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    append_run(folder / "runs.jsonl", run)
    tasks = [f"{task['accuracy']:.2f}" for task in run.get("tasks", ())]
    print(f"{run['variant']}, seed {run['seed']}: {' '.join(tasks) or run['rate']}", flush=True)


STUDIES: dict[str, Callable] = {
    "random_labels": random_label_study,
    "revival": revival_study,
    "permuted": permuted_study,
}
ON_REQUEST = {"candidates": candidate_study, "digits": digits_study}
