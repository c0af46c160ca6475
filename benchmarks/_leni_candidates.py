"""Blocks that were candidates for LENI's default, and the controls that they were held against."""

import keras
import numpy as np
from keras import ops

from keras_negact import LENI
from keras_negact.comparison.rivals import FilteredReLU, FunnelReLU


@keras.saving.register_keras_serializable("keras_negact_benchmarks")
class Candidate(keras.Layer):
    """LENI without scales: `relu(x) + gain * (K (*) relu(-x))`, or a maximum in the second term.

    Formula:

        N  = relu(-x)
        N' = gain * (K (*) N)                    K the weight, a depthwise kernel
        N' = max(-floor * N, N')                 with `floor`
        y  = relu(x) + N'

    `K` starts as zero, or with `-slope / gain` at its middle, as leaky ReLU. The gradient of `K` is
    `gain` times that of the kernel that is applied: SGD moves it `gain ** 2` times as fast, Adam
    `gain` times.

    Args:
        gain: as above.
        slope: of the leaky ReLU at the start.
        floor: the slope of the negative part that the maximum lets through at most; `None`: none.
        kernel_size: taps along each spatial axis; inputs without spatial axes have one.
    """

    def __init__(self, gain=1.0, slope=0.0, floor=None, kernel_size=3, **kwargs):
        super().__init__(**kwargs)
        self.gain, self.slope, self.floor, self.kernel_size = gain, slope, floor, kernel_size

    def build(self, input_shape):
        taps = (self.kernel_size,) * (len(input_shape) - 2)
        start = np.zeros((*taps, input_shape[-1], 1))
        start[tuple(size // 2 for size in taps)] = -self.slope / self.gain
        self.kernel = self.add_weight(
            name="kernel",
            shape=start.shape,
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(start, dtype=dtype),
        )

    def call(self, inputs):
        negative = ops.relu(-inputs)
        kernel = self.gain * self.kernel
        if len(inputs.shape) == 2:
            filtered = negative * kernel[:, 0]
        else:
            filtered = ops.depthwise_conv(negative, kernel, padding="same")
        if self.floor is not None:
            filtered = ops.maximum(-self.floor * negative, filtered)
        return ops.relu(inputs) + filtered

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        names = ("gain", "slope", "floor", "kernel_size")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


CONTROLS = {
    "relu": keras.layers.ReLU,
    # What costs as much as LENI, and leaves the negative part alone.
    "relu + depthwise": FilteredReLU,
    "funnel": FunnelReLU,
}
CANDIDATES = {
    "keep": LENI,
    "gain 3": lambda: Candidate(gain=3.0),
    "leaky": lambda: Candidate(slope=0.25),
    "maximum": lambda: Candidate(floor=1.0),
    "leaky 0.1, gain 3": lambda: Candidate(gain=3.0, slope=0.1),
    "keep, gain 3, scales": lambda: Candidate(gain=3.0),
}
