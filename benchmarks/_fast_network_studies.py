"""Studies of the fast network, from scratch: all of CIFAR-10, minutes a run."""

import json
from dataclasses import dataclass

import _accuracy_data
import _fast_network
import keras
from _accuracy_search import FACTORS, SEEDS, candidate, chosen_factors
from _leni_candidates import earlier_leni, relu_and_depthwise

from keras_negact import LENI, _files
from keras_negact.comparison import compare_activations, read_runs

BATCH_SIZE = 500
EPOCHS = 10
STANDARD_SEEDS = 6
CLAIM_SEEDS = 5


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
    return earlier_leni(registered("FilteredReLU"))


EARLIER = "leni, gain 3"
STANDARD = {
    "relu": Setting("relu"),
    "relu + depthwise": Setting(relu_and_depthwise),
    "funnel": Setting(lambda: registered("FunnelReLU")),
    "prelu": Setting(prelu),
    "gelu": Setting("gelu"),
    "silu": Setting("silu"),
    "leni": Setting("leni"),
    EARLIER: Setting(earlier_leni),
    "on_off_halved": Setting("on_off_relu", halved=True),
}
CLAIMS = {
    "relu": STANDARD["relu"],
    EARLIER: STANDARD[EARLIER],
    "leni, no transformation": Setting(lambda: LENI(transform=None)),
    "leni, both branches": Setting(symmetric_leni),
    "relu 1/2": Setting("relu", part=0.5),
    "leni 1/2": Setting(earlier_leni, part=0.5),
    "relu 3/4": Setting("relu", part=0.75),
    "leni 3/4": Setting(earlier_leni, part=0.75),
    "mish": Setting("mish"),
}
PROTOCOL = {"network": "fast_network", "widths": list(_fast_network.WIDTHS)}


def rates(settings, folder, **compare_more) -> None:
    """Every variant at three rates, a third of the epochs, on validation images."""
    data, stem = data_and_stem(settings)
    epochs = settings.epochs or max(1, EPOCHS // 3)
    compare_activations(
        {
            candidate(variant, factor): fast_variant(stem, setting, epochs, data, factor)
            for variant, setting in only(STANDARD, settings.variants).items()
            for factor in FACTORS
        },
        data,
        SEEDS,
        epochs,
        folder,
        reference=candidate("relu", 1.0),
        evaluate_on="validation",
        protocol=PROTOCOL,
        **compare_more,
    )


def standard(settings, folder, **compare_more) -> None:
    """ReLU and its rivals. The trained weights are kept, for what is asked of them afterwards."""
    more = {"keep_weights": True, **compare_more}
    _compared(STANDARD, STANDARD_SEEDS, settings, folder, more)


def claims(settings, folder, **compare_more) -> None:
    """What else the LENI paper says: of its parts, of its width.

    Whether a trained kernel beats the one of the start is asked by `learning`.
    """
    _take_over(settings.output_dir / "standard", folder, settings.seeds or CLAIM_SEEDS)
    _compared(CLAIMS, CLAIM_SEEDS, settings, folder, compare_more)


def _take_over(standard_folder, folder, seeds) -> None:
    """Give the folder of `claims` the runs that `standard` has made already."""
    if not standard_folder.is_dir():
        return
    runs = [
        run
        for run in read_runs(standard_folder)
        if run["variant"] in CLAIMS and run["seed"] < seeds
    ]
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(run) + "\n" for run in runs)
    _files.replace(folder / "from_standard.jsonl", lines)


def _compared(settings_of_variants, seeds, settings, folder, compare_more) -> None:
    data, stem = data_and_stem(settings)
    epochs = settings.epochs or EPOCHS
    # What was not searched learns at the rate of what it is a form of.
    factors = chosen_factors(settings.output_dir / "rates")
    compare_activations(
        {
            name: fast_variant(stem, setting, epochs, data, factors.get(_family(name), 1.0))
            for name, setting in only(settings_of_variants, settings.variants).items()
        },
        data,
        settings.seeds or seeds,
        epochs,
        folder,
        protocol=PROTOCOL,
        **compare_more,
    )


def data_and_stem(settings) -> tuple:
    """CIFAR-10, and the stem of the fast network that its images ask for."""
    data = _accuracy_data.whole(settings.npz, settings.data_dir, BATCH_SIZE)
    return data, _fast_network.whitening_kernel(_accuracy_data.first_images(data, 5_000))


def fast_model(stem, setting: Setting, all_widths=_fast_network.WIDTHS) -> keras.Model:
    """The network, not yet compiled."""
    # A multiple of 8, so that half and three quarters of it are even.
    widths = tuple(int(width * setting.part) for width in all_widths)
    return _fast_network.fast_network(
        stem, activation=setting.activation, widths=widths, halved=setting.halved
    )


def fast_variant(
    stem, setting: Setting, epochs: int, data, factor: float, all_widths=_fast_network.WIDTHS
):
    """A function that builds the network and compiles it with its optimizer."""
    return lambda: compiled(fast_model(stem, setting, all_widths), epochs, data, factor)


def compiled(model: keras.Model, epochs: int, data, factor: float) -> keras.Model:
    """The model with the fast network's optimizer and loss."""
    steps = epochs * len(data(0).train_at(0))
    optimizer = _fast_network.fast_optimizer(model, steps, factor * _fast_network.PEAK)
    model.compile(
        optimizer,
        _fast_network.SmoothedCrossentropy(),
        metrics=["accuracy"],
        # XLA's convolutions on CPUs are slow in TensorFlow; on JAX there is nothing else.
        jit_compile=keras.config.backend() != "tensorflow",
    )
    return model


def _family(variant: str) -> str:
    """What has a rate of its own: for LENI's forms `EARLIER`, for narrow ReLU networks `relu`."""
    if variant in STANDARD:
        return variant
    return EARLIER if variant.startswith("leni") else variant.split(" ")[0]


def only(variants: dict, names) -> dict:
    return {name: variants[name] for name in variants if not names or name in names}


def registered(name: str) -> keras.Layer:
    return keras.saving.get_registered_object(f"keras_negact>{name}")()


STUDIES = {"rates": rates, "standard": standard, "claims": claims}
