"""ON/OFF ReLU: positive and negative responses side by side."""

from typing import Any

import keras

from keras_negact._checks import number
from keras_negact.layers._feature_map_layer import FeatureMapLayer
from keras_negact.layers.ops.on_off import on_off


@keras.saving.register_keras_serializable(package="keras_negact")
class OnOffReLU(FeatureMapLayer):
    """Keeps positive and negative responses side by side, which doubles the channels.

    Formula:

        y = concat([act(x), act(-x)], channel axis)        act(x) = min(max(x, 0), max_value)

    The order is blocked, `[on | off]`. The literature also knows it as CReLU. Its gradient is
    `dx = g_on * act'(x) - g_off * act'(-x)`; at `x = 0` neither rectifier passes anything.

    The paper gives the two rectifiers and updates both by back-propagation. The cap and the blocked
    order are this package's choice.

    Args:
        max_value: where both rectifiers saturate (`6` for a ReLU6), positive, in units of the
            input. `None`: nowhere.
        data_format: `"channels_last"` or `"channels_first"`. `None`: Keras's own default.
        **kwargs: arguments of `keras.Layer`, such as `name` and `dtype`.

    Input shape:
        `(batch, *spatial, channels)` or `(batch, channels, *spatial)`, with any number of spatial
        axes, of known or unknown size. With none, that is `(batch, features)`.

    Output shape:
        The input's, with `2 * channels`.

    Raises:
        ValueError: if `max_value` is not positive, `data_format` is unknown, the number of channels
            is unknown, or the input is not floating point.

    Source:
        Kim, O, Kim, Lee, *Convolutional Neural Network with Biologically Inspired Retinal
        Structure*, Procedia Computer Science 88 (2016) 145-154.

    Examples:
        >>> np.asarray(OnOffReLU()(np.array([[-2.0, 3.0]])))
        array([[0., 3., 2., 0.]], dtype=float32)
    """

    def __init__(self, max_value=None, data_format=None, **kwargs) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.max_value = None if max_value is None else number("max_value", max_value, above=0)
        self.supports_masking = True

    def build(self, input_shape):
        self._channels(input_shape)
        self.built = True

    def call(self, inputs):
        self._check_floating(inputs)
        return on_off(inputs, self._channel_axis(len(inputs.shape)), self.max_value)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._with_channels(input_shape, 2 * self._channels(input_shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "max_value": self.max_value}
