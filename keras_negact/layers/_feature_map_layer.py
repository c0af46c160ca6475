"""What the layers of this package share: where the channels are, and which inputs they refuse."""

from typing import Any

import keras

from keras_negact._checks import one_of

_DATA_FORMATS = ("channels_last", "channels_first")


class FeatureMapLayer(keras.Layer):
    """A layer on floating-point feature maps `(batch, *spatial, channels)`, or channels first."""

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        one_of("data_format", data_format, (*_DATA_FORMATS, None))
        self.data_format = data_format or keras.config.image_data_format()

    def _channel_axis(self, rank: int) -> int:
        return 1 if self.data_format == "channels_first" else rank - 1

    def _channels(self, input_shape) -> int:
        """The number of channels, or a `ValueError` where there is none to be had."""
        self._check_one_tensor(input_shape)
        if len(input_shape) < 2:
            raise ValueError(
                f"{self.name} needs a batch axis and a channel axis. "
                f"Received the shape: {input_shape}"
            )
        channels = input_shape[self._channel_axis(len(input_shape))]
        if channels is None:
            raise ValueError(
                f"{self.name} needs a known number of channels (data_format="
                f"{self.data_format!r}), all other axes may be None. "
                f"Received the shape: {input_shape}"
            )
        return channels

    def _check_one_tensor(self, input_shape):
        if isinstance(input_shape, dict) or any(isinstance(n, (tuple, list)) for n in input_shape):
            raise ValueError(f"{self.name} takes one tensor. Received the shapes: {input_shape}")

    def _with_channels(self, input_shape, channels: int) -> tuple:
        shape = list(input_shape)
        shape[self._channel_axis(len(shape))] = channels
        return tuple(shape)

    def _per_channel(self, weight, rank: int):
        """Reshape a `(channels,)` weight so that it broadcasts against feature maps."""
        shape = [1] * rank
        shape[self._channel_axis(rank)] = -1
        return keras.ops.reshape(weight, shape)

    def _check_floating(self, inputs):
        if not hasattr(inputs, "dtype"):
            raise ValueError(f"{self.name} takes one tensor. Received: a {type(inputs).__name__}")
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        if not keras.backend.is_float_dtype(dtype):
            raise ValueError(
                f"{self.name} works on floating-point feature maps (float16, bfloat16, float32 or "
                f"float64). Received: {dtype}. Cast the input first, for example with "
                "keras.layers.Rescaling(1 / 255)."
            )

    def compute_output_spec(self, inputs, *args, **kwargs):
        self._check_floating(inputs)
        return super().compute_output_spec(inputs, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}
