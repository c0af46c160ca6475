"""What channels pass on their way, doubled or halved, and what stops them."""

import keras
import pytest
from keras import layers, ops

from keras_negact import plan_activation_swap
from tests.support.swapping import actions, check_same_function


def test_padding_with_zeros_passes_doubled_channels_and_with_others_does_not():
    def padded(**more):
        inputs = keras.Input((8, 8, 4))
        x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
        x = ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], **more)
        return keras.Model(inputs, layers.Conv2D(2, 3)(x))

    plan, _ = check_same_function(padded(), "on_off_relu", on_conflict="raise")
    assert actions(plan) == {"conv": "swap"}
    with pytest.raises(ValueError, match="it pads with more than zeros"):
        plan_activation_swap(padded(constant_values=1.0), "on_off_relu", on_conflict="raise")


@pytest.mark.parametrize(
    "normalization",
    [layers.LayerNormalization, layers.UnitNormalization, layers.RMSNormalization],
)
@pytest.mark.parametrize(
    ("axis", "action", "reason", "filters"),
    [(1, "swap", "", 4), (-1, "skip", "it normalizes over the channels", 8)],
)
def test_filters_are_halved_through_a_normalization_along_another_axis(
    normalization, axis, action, reason, filters
):
    inputs = keras.Input((6, 6, 4))
    x = normalization(axis=axis)(layers.Conv2D(8, 3, name="conv")(inputs))
    model = keras.Model(inputs, layers.Conv2D(2, 1)(layers.ReLU(name="relu")(x)))
    plan = plan_activation_swap(model, "on_off_relu", channels="halve")
    (site,) = plan.sites
    assert site.action == action
    assert site.reason.split("): ")[-1] == reason
    assert plan.apply().get_layer("conv").filters == filters
