"""Each activation's learning rate, chosen on validation images, with one budget for all."""

import functools

import keras
import numpy as np

from keras_negact.comparison import ACTIVATIONS, activation_variants, read_runs
from keras_negact.layers import weights_without_decay

FACTORS = (1.0, 0.5, 2.0)
PEAK = 0.1
# Decoupled, as Keras has it: ten times that of a coupled one with momentum 0.9.
WEIGHT_DECAY = 5e-3
# No seed that anything is reported for.
SEEDS = (100,)


def candidates(build, protocol, steps):
    """Every activation in a network with every learning rate."""
    return {
        candidate(name, factor): trained_with(
            variant, steps, factor * protocol.peak, protocol.weight_decay
        )
        for name, variant in activation_variants(build, ACTIVATIONS).items()
        for factor in FACTORS
    }


def candidate(activation, factor):
    return f"{activation} x{factor:g}"


def chosen_factors(folder) -> dict[str, float]:
    """For each activation the factor of its best learning rate; none where none were tried."""
    accuracies: dict[str, dict[float, float]] = {}
    for run in read_runs(folder) if folder.is_dir() else ():
        name, _, factor = run["variant"].rpartition(" x")
        of_name = accuracies.setdefault(name, {})
        of_name[float(factor)] = of_name.get(float(factor), 0) + run["validation_accuracy"]
    return {name: _best(of_name) for name, of_name in accuracies.items()}


def _best(accuracies: dict[float, float]) -> float:
    # Of equally good ones that next to the middle, in whatever order they were tried.
    return max(accuracies, key=lambda factor: (accuracies[factor], -abs(np.log(factor))))


def trained_with(build, steps: int, peak: float = PEAK, weight_decay: float = WEIGHT_DECAY):
    """The variant, with its optimizer."""

    @functools.wraps(build)
    def compiled(**seed):
        model = build(**seed)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(sgd(model, steps, peak, weight_decay), loss, metrics=["accuracy"])
        return model

    return compiled


def sgd(model: keras.Model, steps: int, peak: float, weight_decay: float) -> keras.Optimizer:
    """SGD with momentum: warmed up over a twentieth of the steps, then a cosine to zero."""
    warmup = 1 + steps // 20
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=peak, warmup_steps=warmup
    )
    optimizer = keras.optimizers.SGD(
        schedule, momentum=0.9, nesterov=True, weight_decay=weight_decay
    )
    optimizer.exclude_from_weight_decay(var_list=weights_without_decay(model))
    return optimizer
