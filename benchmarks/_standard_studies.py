"""The studies of the protocol `standard`: all of CIFAR-10, networks that train in minutes."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import _accuracy_data
import _fast_network
import keras
from _accuracy_search import FACTORS, candidate, chosen_factors, sgd
from _leni_candidates import frozen_kernel, relu_and_depthwise

from keras_negact import LENI
from keras_negact.comparison import compare_activations
from keras_negact.models import cifar_resnet

BATCH_SIZE = 500
EPOCHS = 10
SEEDS = 6
# No seed that anything is reported for.
RATE_SEEDS = (100,)
RATES = "rates"


@dataclass(frozen=True)
class Setting:
    """What a variant of the fast network is made of.

    Attributes:
        activation: a name, a layer used as a template, or a factory.
        halved: whether its convolutions have half as many filters, since it doubles the channels.
        part: of the network's width.
    """

    activation: object
    halved: bool = False
    part: float = 1.0


def prelu() -> keras.Layer:
    """One slope a channel, as its paper has it."""
    return keras.layers.PReLU(shared_axes=[1, 2])


def symmetric_leni() -> keras.Layer:
    """LENI whose positive branch has a kernel too: is it the asymmetry that helps?"""
    return LENI(registered("FilteredReLU"))


STANDARD = {
    "relu": Setting("relu"),
    "relu + depthwise": Setting(relu_and_depthwise),
    "funnel": Setting(lambda: registered("FunnelReLU")),
    "prelu": Setting(prelu),
    "gelu": Setting("gelu"),
    "silu": Setting("silu"),
    "leni": Setting("leni"),
    "on_off_halved": Setting("on_off_relu", halved=True),
}
CLAIMS = {
    "relu": Setting("relu"),
    "leni": Setting("leni"),
    "leni, no transformation": Setting(lambda: LENI(transform=None)),
    "leni, frozen kernel": Setting(frozen_kernel),
    "leni, both branches": Setting(symmetric_leni),
    "relu 1/2": Setting("relu", part=0.5),
    "leni 1/2": Setting("leni", part=0.5),
    "relu 3/4": Setting("relu", part=0.75),
    "leni 3/4": Setting("leni", part=0.75),
    "mish": Setting("mish"),
}
RESNET = ("relu", "funnel", "leni")
STUDIES = (RATES, "standard", "claims", "resnet20")


def run(name: str, settings, compare_more: dict) -> None:
    """Run one study, or go on with it.

    Args:
        name: one of `STUDIES`.
        settings: those of the command line.
        compare_more: further arguments of `compare_activations`.
    """
    compare = functools.partial(
        compare_activations, output_dir=settings.output_dir / name, **compare_more
    )
    if name == "resnet20":
        _resnet20(compare, settings)
        return
    data = _accuracy_data.whole(settings.npz, settings.data_dir, BATCH_SIZE)
    stem = _accuracy_data.first_images(data, 5_000)
    kernel = _fast_network.whitening_kernel(stem)
    protocol = {"network": "fast_network", "widths": list(_fast_network.WIDTHS)}
    if name == RATES:
        epochs = settings.epochs or max(1, EPOCHS // 3)
        chosen_from = only(STANDARD, settings.variants)
        variants = {
            candidate(variant, factor): fast_variant(kernel, setting, epochs, data, factor)
            for variant, setting in chosen_from.items()
            for factor in FACTORS
        }
        compare(
            variants,
            data,
            RATE_SEEDS,
            epochs,
            reference=candidate("relu", 1.0),
            evaluate_on="validation",
            protocol=protocol,
        )
        return
    epochs = settings.epochs or EPOCHS
    chosen = STANDARD if name == "standard" else CLAIMS
    # What was not searched learns at the rate of what it is a form of.
    searched = chosen_factors(settings.output_dir / RATES, STANDARD)
    variants = {
        variant: fast_variant(kernel, setting, epochs, data, searched.get(_family(variant), 1.0))
        for variant, setting in only(chosen, settings.variants).items()
    }
    seeds = settings.seeds or (SEEDS if name == "standard" else SEEDS - 1)
    compare(
        variants,
        data,
        seeds,
        epochs,
        reference="relu",
        protocol=protocol,
        keep_weights=name == "standard",
    )


def _resnet20(compare: Callable, settings) -> None:
    side, batch_size, epochs = 16, 128, settings.epochs or 12
    data = _accuracy_data.whole(settings.npz, settings.data_dir, batch_size, square=2)
    steps = epochs * len(data(0).train_at(0))

    def variant(name):
        def build():
            model = cifar_resnet(20, (side, side, 3), 10, STANDARD[name].activation)
            optimizer = sgd(model, _ResNetRate, steps, 0.1)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(optimizer, loss, metrics=["accuracy"])
            return model

        return build

    compare(
        {name: variant(name) for name in RESNET},
        data,
        settings.seeds or SEEDS - 1,
        epochs,
        reference="relu",
        protocol={"network": "cifar_resnet20", "side": side},
    )


class _ResNetRate:
    weight_decay = 5e-3


def fast_variant(
    kernel, setting: Setting, epochs: int, data, factor: float, all_widths=_fast_network.WIDTHS
):
    """A function that builds the network and compiles it with its optimizer."""

    def build():
        # A multiple of 8, so that half and three quarters of it are even.
        widths = tuple(int(width * setting.part) for width in all_widths)
        model = _fast_network.fast_network(
            kernel, activation=setting.activation, widths=widths, halved=setting.halved
        )
        steps = epochs * len(data(0).train_at(0))
        optimizer = _fast_network.fast_optimizer(model, steps, factor * _fast_network.PEAK)
        loss = _fast_network.SmoothedCrossentropy()
        model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
        return model

    return build


def _family(variant: str) -> str:
    """`leni` for all of LENI's forms, `relu` for the narrow ReLU networks."""
    return variant if variant in STANDARD else variant.split(",")[0].split(" ")[0]


def only(variants: dict, names) -> dict:
    return {name: variants[name] for name in variants if not names or name in names}


def registered(name: str) -> keras.Layer:
    return keras.saving.get_registered_object(f"keras_negact>{name}")()
