"""Studies of other networks, small enough for minutes a run: a ResNet, a transformer, signals."""

import functools

import _accuracy_data
from _accuracy_search import trained_with
from _fast_network_studies import EARLIER, STANDARD, only
from _leni_candidates import earlier_leni
from _token_network import ACTIVATIONS as TOKEN_ACTIVATIONS
from _token_network import token_network
from rhythms import rhythms as rhythms_of

from keras_negact.comparison import (
    Variant,
    activation_variants,
    array_data,
    compare_activations,
)
from keras_negact.models import cifar_resnet, on_off_cnn

SIDE = 16
RESNET = ("relu", "funnel", "leni", EARLIER)
RESNET_EPOCHS = 12
TOKEN_EPOCHS = 12
RHYTHM_EPOCHS = 10
RHYTHMS = ("relu", "gelu", "on_off_relu_halved", "leni")
RHYTHM_LENGTH, RHYTHM_NOISE = 256, (0.2, 0.4)


def resnet20(settings, folder, **compare_more) -> None:
    """A residual network on images of half the size."""
    epochs, batch_size = settings.epochs or RESNET_EPOCHS, 128
    data = _accuracy_data.whole(settings.npz, settings.data_dir, batch_size, square=2)
    steps = epochs * len(data(0).train_at(0))
    variants = {
        name: trained_with(
            functools.partial(cifar_resnet, 20, (SIDE, SIDE, 3), 10, STANDARD[name].activation),
            steps,
        )
        for name in RESNET
    }
    compare_activations(
        only(variants, settings.variants),
        data,
        settings.seeds or 5,
        epochs,
        folder,
        protocol={"network": "cifar_resnet20", "side": SIDE},
        **compare_more,
    )


def tokens(settings, folder, **compare_more) -> None:
    """A small vision transformer. Three seeds: a look, not a result."""
    epochs, batch_size = settings.epochs or TOKEN_EPOCHS, 250
    data = _accuracy_data.whole(settings.npz, settings.data_dir, batch_size, square=2)
    compare_activations(
        {
            name: Variant(functools.partial(token_network, (SIDE, SIDE, 3), 10, activation), name)
            for name, activation in only(TOKEN_ACTIVATIONS, settings.variants).items()
        },
        data,
        settings.seeds or 3,
        epochs,
        folder,
        reference="gelu",
        protocol={"network": "token_network", "side": SIDE},
        **compare_more,
    )


def rhythms(settings, folder, **compare_more) -> None:
    """The signal in one dimension, made so hard that there is something to gain."""
    epochs = settings.epochs or RHYTHM_EPOCHS
    draw = functools.partial(rhythms_of, length=RHYTHM_LENGTH, noise=RHYTHM_NOISE)
    data = array_data(
        "rhythms",
        train=draw(4_000, seed=1),
        test=draw(8_000, seed=2),
        validation=draw(4_000, seed=3),
        batch_size=64,
    )
    steps = epochs * len(data(0).train_at(0))
    build = functools.partial(on_off_cnn, (RHYTHM_LENGTH, 1), 3, "relu", "conventional", width=16)
    variants = activation_variants(build, RHYTHMS)
    variants |= activation_variants(build, {EARLIER: earlier_leni()})
    compare_activations(
        only(
            {name: trained_with(variant, steps) for name, variant in variants.items()},
            settings.variants,
        ),
        data,
        settings.seeds or 5,
        epochs,
        folder,
        protocol={
            "network": "on_off_cnn",
            "length": RHYTHM_LENGTH,
            "noise": list(RHYTHM_NOISE),
        },
        **compare_more,
    )


STUDIES = {"resnet20": resnet20, "tokens": tokens, "rhythms": rhythms}
