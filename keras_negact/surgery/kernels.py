"""Layers that are linear in their input, as arrays that a scale and a shift can be folded into."""

import keras
import numpy as np
from keras import layers

from keras_negact.surgery.functions import argument_function


class NotFoldable(Exception):
    """Says why something stays as it is."""


class Linear:
    """`y = kernel * x + bias` of a convolution or dense layer, in float64.

    Args:
        layer: the layer, which stays as it is.

    Raises:
        NotFoldable: when its weights are not what its config says.
    """

    kernels = ("kernel",)

    def __init__(self, layer: keras.Layer):
        if getattr(layer, "quantization_mode", None) or getattr(layer, "lora_enabled", False):
            raise NotFoldable(f"{layer.name} is quantized or has LoRA weights")
        self.layer = layer
        # The first one meets the input, the last one makes the output.
        self.arrays = [np.asarray(getattr(layer, name), "float64") for name in self.kernels]
        self.bias = None if layer.bias is None else np.asarray(layer.bias, "float64")

    @property
    def axis(self) -> int:
        """The channel axis."""
        return 1 if getattr(self.layer, "data_format", None) == "channels_first" else -1

    def scale_outputs(self, scale: np.ndarray, shift: np.ndarray) -> None:
        """Make `scale * y + shift` of the output `y`."""
        function = argument_function(self.layer.activation)
        if function is not None:
            raise NotFoldable(f"{self.layer.name} ends in its own {function.name}")
        self.arrays[-1] = self.arrays[-1] * self._per_output(scale)
        self._set_bias((0 if self.bias is None else self.bias * scale) + shift)

    def scale_inputs(self, scale: np.ndarray, shift: np.ndarray) -> None:
        """Do to the input `x` what `scale * x + shift` in front of the layer would do."""
        if shift.any():
            self._check_same_everywhere()
            self._set_bias((0 if self.bias is None else self.bias) + self._response(shift))
        self.arrays[0] = self.arrays[0] * self._per_input(scale)

    def rebuilt(self) -> tuple[dict, dict[str, np.ndarray]]:
        """What changes in the layer's config, and the values of its weights by attribute."""
        weights = dict(zip(self.kernels, self.arrays, strict=True))
        if self.bias is not None:
            weights["bias"] = self.bias
        return {"use_bias": self.bias is not None}, weights

    def _set_bias(self, bias):
        self.bias = None if self.bias is None and not bias.any() else bias

    def _check_same_everywhere(self):
        """A border of zeros would have to become a border of the shift."""
        layer = self.layer
        if getattr(layer, "padding", "valid") != "valid" and set(layer.kernel_size) != {1}:
            raise NotFoldable(f"its shift does not hold in the zeros that pad {layer.name}'s input")

    def _per_output(self, scale):
        return scale

    def _per_input(self, scale):
        groups, filters = getattr(self.layer, "groups", 1), self.arrays[0].shape[-1]
        return np.repeat(scale.reshape(groups, -1).T, filters // groups, axis=1)

    def _response(self, shift):
        """The output, without bias, where each channel of the input is constant."""
        return _summed_taps(self.arrays[0] * self._per_input(shift)).sum(axis=0)


class Transposed(Linear):
    """A transposed convolution, whose kernel has the output channels before the input channels."""

    def _check_same_everywhere(self):
        raise NotFoldable(f"its shift reaches the pixels of {self.layer.name} by unlike taps")

    def _per_output(self, scale):
        return scale[:, None]

    def _per_input(self, scale):
        return scale


class Depthwise(Linear):
    """A depthwise convolution, with `depth_multiplier` output channels for each input channel."""

    def _per_output(self, scale):
        return scale.reshape(self.arrays[0].shape[-2:])

    def _per_input(self, scale):
        return scale[:, None]

    def _response(self, shift):
        return _summed_taps(self.arrays[0] * self._per_input(shift)).reshape(-1)


class Separable(Linear):
    """A depthwise convolution and a 1x1 convolution in one layer."""

    kernels = ("depthwise_kernel", "pointwise_kernel")

    def _per_input(self, scale):
        return scale[:, None]

    def _response(self, shift):
        depthwise, pointwise = self.arrays
        between = _summed_taps(depthwise * self._per_input(shift)).reshape(-1)
        return between @ _summed_taps(pointwise)


def _summed_taps(kernel):
    return kernel.sum(axis=tuple(range(kernel.ndim - 2)))


def scale_and_shift(layer: layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    """`y = scale * x + shift` of a built batch normalization that runs as in inference."""
    variance, mean = (np.asarray(x, "float64") for x in (layer.moving_variance, layer.moving_mean))
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * np.asarray(layer.gamma, "float64")
    shift = -mean * scale
    return scale, shift + np.asarray(layer.beta, "float64") if layer.center else shift


class Normalization:
    """A batch normalization that stays, as the place for what stands behind it.

    Args:
        layer: the layer, which stays as it is.
    """

    def __init__(self, layer: layers.BatchNormalization):
        self.layer, self.axis = layer, layer.axis
        self.gamma = np.asarray(layer.gamma, "float64") if layer.scale else 1.0
        self.beta = np.asarray(layer.beta, "float64") if layer.center else 0.0

    def scale_outputs(self, scale: np.ndarray, shift: np.ndarray) -> None:
        """Make `scale * y + shift` of the output `y`."""
        self.gamma, self.beta = self.gamma * scale, self.beta * scale + shift

    def rebuilt(self) -> tuple[dict, dict[str, np.ndarray]]:
        """What changes in the layer's config, and the values of its weights by attribute."""
        weights = {"gamma": self.gamma, "beta": self.beta}
        for name in ("moving_mean", "moving_variance"):
            weights[name] = np.asarray(getattr(self.layer, name), "float64")
        return {"scale": True, "center": True}, weights
