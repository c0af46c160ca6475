"""Designs of LENI of at most 3 % extra parameters in a ResNet-20, for the choice of a default.

They are compared on validation images, from seeds that nothing else is reported for.
"""

import functools

import keras
import numpy as np
from keras import layers, ops

from keras_negact import LENI, clone_with_activation
from keras_negact.comparison import activation_variants

SEEDS = (100, 101, 102)
RIVALS = ("relu", "funnel")


@keras.saving.register_keras_serializable("keras_negact_benchmarks")
class Centre(keras.initializers.Initializer):
    """A depthwise kernel of zeros but for its middle tap."""

    def __init__(self, value):
        self.value = value

    def __call__(self, shape, dtype=None):
        kernel = np.zeros(shape)
        kernel[tuple(taps // 2 for taps in shape[:-2])] = self.value
        return ops.convert_to_tensor(kernel, dtype=dtype)

    def get_config(self):
        return {"value": self.value}


class LargerOf(keras.Layer):
    """`max(relu(x), BN(K (*) relu(-x)))`: LENI's two branches, compressed by the larger of them."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.negative_branch = _filtered_and_normalized()

    def build(self, input_shape):
        self.negative_branch.build(input_shape)

    def call(self, inputs, training=False):
        negative = self.negative_branch(ops.relu(-inputs), training=training)
        return ops.maximum(ops.relu(inputs), negative)


def designs(build) -> dict:
    """From the name of a design to a function that builds the network with it."""
    blocks = {
        "leni": LENI,
        "random": lambda: LENI(start="random"),
        "sum": lambda: LENI(compression="sum"),
        "batch": lambda: LENI(normalization=_normalization(), compression="sum", start="random"),
        "batch, keep": lambda: LENI(normalization=_normalization(), compression="sum"),
        "rectified": lambda: LENI(
            transform=_filtered_and_normalized(then="relu"), compression="sum", start="random"
        ),
        "larger of": LargerOf,
        # Other starts of the kernel: as Leaky ReLU, towards |x|, as a mean of the surroundings.
        "leaky": lambda: LENI(start="leaky"),
        "towards |x|": lambda: LENI(kernel_initializer=Centre(0.25)),
        "surround": lambda: LENI(kernel_initializer=keras.initializers.Constant(-1 / 9)),
        "small random": lambda: LENI(
            kernel_initializer=keras.initializers.VarianceScaling(
                0.1, mode="fan_out", distribution="uniform"
            )
        ),
    }
    return {
        **activation_variants(build, RIVALS),
        **{name: functools.partial(_network, build, block) for name, block in blocks.items()},
    }


def _network(build, block) -> keras.Model:
    swapped = clone_with_activation(build(), lambda site: block())
    # A network anew, so that its weights are drawn from the run's seed as the rivals' are.
    return keras.models.clone_model(swapped, recursive=True)


def _normalization():
    # LENI's negative scale is the scale.
    return layers.BatchNormalization(momentum=0.9, scale=False)


def _filtered_and_normalized(then=None) -> keras.Sequential:
    parts = [layers.DepthwiseConv2D(3, padding="same", use_bias=False)]
    if then:
        parts += [_normalization(), layers.Activation(then)]
    else:
        parts.append(layers.BatchNormalization(momentum=0.9))
    return keras.Sequential(parts)
