"""Fine-tuning after a swap: the swap's own promise, on the trained networks of `standard`."""

import functools
import pathlib

from _fast_network import fast_network
from _fast_network_studies import (
    EARLIER,
    PROTOCOL,
    STANDARD,
    compiled,
    data_and_stem,
    only,
)

from keras_negact import clone_with_activation
from keras_negact.comparison import Variant, compare_activations
from keras_negact.comparison.compare import weights_path

EPOCHS, SEEDS = 1, 5
RATE = 0.1
# With all else frozen, normalization too, a tenth of the rate blows the new blocks up.
RATE_OF_NEW_BLOCKS = 0.01
NEW_BLOCKS = ", new blocks alone"
LENIS = ("leni", EARLIER)
SWAPS = ("relu", *LENIS, *(f"{leni}{NEW_BLOCKS}" for leni in LENIS), "prelu", "silu", "funnel")


def fine_tuning(settings, folder, **compare_more) -> None:
    """Each seed's trained ReLU network, swapped and trained on at a tenth of the rate."""
    data, stem = data_and_stem(settings)
    epochs = settings.epochs or EPOCHS
    weights = functools.partial(weights_path, settings.output_dir / "standard", "relu")

    def variant(name):
        activation = STANDARD[name.removesuffix(NEW_BLOCKS)].activation
        trainable, rate = ("new", RATE_OF_NEW_BLOCKS) if name.endswith(NEW_BLOCKS) else (None, RATE)

        def build(seed):
            model = fast_network(stem)
            model.load_weights(existing(weights(seed)))
            if name != "relu":
                model = clone_with_activation(
                    model, _at_each_site(activation), where=_is_no_stem, trainable=trainable
                )
            return compiled(model, epochs, data, rate)

        return Variant(build, name)

    compare_activations(
        only({name: variant(name) for name in SWAPS}, settings.variants),
        data,
        settings.seeds or SEEDS,
        epochs,
        folder,
        protocol={**PROTOCOL, "rate": RATE, "rate_of_new_blocks": RATE_OF_NEW_BLOCKS},
        **compare_more,
    )


def _at_each_site(activation):
    return activation if isinstance(activation, str) else lambda site: activation()


def _is_no_stem(site) -> bool:
    return site.path != "stem_relu"


def existing(path: pathlib.Path) -> pathlib.Path:
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there: run the study `standard` first.")
    return path


STUDIES = {"fine_tuning": fine_tuning}
