"""Forms of LENI that show which of its parts does what."""

import keras

from keras_negact import LENI, plan_activation_swap
from keras_negact.comparison import Variant, activation_variants
from keras_negact.layers.rivals import FilteredReLU

ABLATIONS = {
    "leni_leaky": LENI(start="leaky"),
    "leni_random": LENI(start="random"),
    # Two learned slopes a channel.
    "leni_no_transform": LENI(transform=None),
    # Twice the channels.
    "leni_no_compression": LENI(compression=None),
    "leni_pointwise": LENI(compression="pointwise"),
    # The symmetric control: the positive part is transformed too.
    "leni_both_branches": LENI(FilteredReLU()),
}
HALVED = "leni_compensation"


def ablation_variants(build) -> dict[str, Variant]:
    """A network with each of these forms in the place of its activations, initialized anew.

    `leni_compensation` has no compression; the layers in front of it are half as wide.
    """

    def halved():
        plan = plan_activation_swap(build(), LENI(compression=None), channels="halve")
        return keras.models.clone_model(plan.apply(), recursive=True)

    return {**activation_variants(build, ABLATIONS), HALVED: Variant(halved, HALVED)}
