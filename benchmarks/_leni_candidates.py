"""What LENI's default was chosen from, and the control that costs what LENI costs."""

import keras
from keras import layers, ops

from keras_negact import LENI


@keras.saving.register_keras_serializable("keras_negact_benchmarks")
class LargerOfNegative(keras.Layer):
    """LENI with Funnel ReLU's maximum in its negative branch.

    Formula: `y = relu(x) + max(-slope * N, K (*) N)` with `N = relu(-x)` and `K` depthwise. `K`
    starts at 0, where this is a ReLU.

    Args:
        slope: a number of at least 0.
        kernel_gain: as LENI's.
        kernel_size: taps along each spatial axis, odd.
        **kwargs: arguments of `keras.Layer`.

    Input shape:
        `(batch, *spatial, channels)`, one or two spatial axes.
    """

    def __init__(self, slope=1.0, kernel_gain=1.0, kernel_size=3, **kwargs):
        super().__init__(**kwargs)
        self.slope, self.kernel_gain, self.kernel_size = slope, kernel_gain, kernel_size

    def build(self, input_shape):
        taps = (self.kernel_size,) * (len(input_shape) - 2)
        self.kernel = self.add_weight(
            name="kernel", shape=(*taps, input_shape[-1], 1), initializer="zeros"
        )
        self.built = True

    def call(self, inputs):
        negative = ops.relu(-inputs)
        kernel = self.kernel_gain * ops.convert_to_tensor(self.kernel)
        filtered = ops.depthwise_conv(negative, kernel, padding="same", data_format="channels_last")
        return ops.relu(inputs) + ops.maximum(-self.slope * negative, filtered)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("slope", "kernel_gain", "kernel_size")}
        return {**super().get_config(), **own}


def relu_and_depthwise() -> keras.Layer:
    """The control that costs what LENI costs: a ReLU with a depthwise 3x3 convolution behind it.

    The convolution starts as the identity, as LENI starts as a ReLU.
    """
    return keras.Sequential(
        [layers.ReLU(), layers.DepthwiseConv2D(3, padding="same", depthwise_initializer=_identity)]
    )


@keras.saving.register_keras_serializable("keras_negact_benchmarks")
def _identity(shape, dtype=None):
    middle = [ops.one_hot(size // 2, size, dtype=dtype) for size in shape[:2]]
    return (
        ops.ones(shape, dtype)
        * ops.reshape(middle[0], (-1, 1, 1, 1))
        * ops.reshape(middle[1], (1, -1, 1, 1))
    )


def earlier_leni(*arguments, **more) -> LENI:
    """LENI with the gain that was its default when the networks of the GPU were trained."""
    return LENI(*arguments, kernel_gain=3.0, **more)


def frozen_kernel() -> keras.Layer:
    """LENI whose kernel stays what it is at the start; its other weights learn."""
    return earlier_leni(kernel_constraint=_Unchanged())


@keras.saving.register_keras_serializable("keras_negact_benchmarks")
class _Unchanged(keras.constraints.Constraint):
    """Brings a kernel that started as zeros back to zeros after each step."""

    def __call__(self, kernel):
        # A variable is no tensor to all of a backend's functions.
        return ops.zeros(kernel.shape, kernel.dtype)


def _leni(**arguments):
    return lambda: LENI(**arguments)


# At most six. Everything is spelled out: a candidate stays what it was, whatever the default
# becomes.
CANDIDATES = {
    "keep": _leni(start="keep", compression="channelwise", kernel_gain=1.0),
    "keep, gain 2": _leni(start="keep", compression="channelwise", kernel_gain=2.0),
    "keep, gain 3": _leni(start="keep", compression="channelwise", kernel_gain=3.0),
    "sum, gain 3": _leni(start="keep", compression="sum", kernel_gain=3.0),
    "leaky 0.1, sum, gain 3": _leni(start="leaky", slope=0.1, compression="sum", kernel_gain=3.0),
    "larger of negative": LargerOfNegative,
}
