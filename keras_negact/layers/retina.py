"""The retina's colour-opponent front end."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_negact._checks import flag, integer
from keras_negact.layers._feature_map_layer import FeatureMapLayer
from keras_negact.layers.ops.depthwise import depthwise_convolution
from keras_negact.layers.ops.on_off import on_off

_REACH = 6
_CENTER_SIGMAS = (0.5, 1.0)
_SURROUND_TO_CENTER = 2.0


@keras.saving.register_keras_serializable(package="keras_negact")
class RetinalOpponency(FeatureMapLayer):
    """Turns RGB images into ON and OFF responses of colour-opponent, centre-surround cells.

    Formula, with `G_s` a Gaussian blur of standard deviation `s` pixels:

        green_red   = G_center(green) - G_surround(red)
        blue_yellow = G_center(blue) - G_surround((red + green) / 2)
        black_white = G_center(light) - G_surround(light),  light = (red + green + blue) / 3
        y = concat([relu(d), relu(-d)]),  d = [green_red at each scale, blue_yellow at each scale]

    and with `luminance` `black_white` at each scale as well. Every Gaussian sums to one, reaches 6
    pixels from its centre and replicates the image's edge: a uniform grey image gives silence, to
    rounding.

    The paper gives the opponent pairs, the centre-surround differences and the 12 channels. That
    these are 2 pairs x 3 scales x {ON, OFF} is this package's reading; the widths are its choice,
    and so is the third pair, of black and white.

    Args:
        scales: number of centre-surround pairs for each opponent pair, a positive integer. The
            centres' standard deviations go from 0.5 to 1 pixel in equal ratios, a surround is twice
            as wide as its centre.
        luminance: whether there is a pair of black and white, too.
        learnable: whether the standard deviations are trained. There is one for each scale and
            pair, for centre and for surround; what is stored is its logarithm.
        data_format: `"channels_last"` or `"channels_first"`. `None`: Keras's own default.
        **kwargs: arguments of `keras.Layer`, such as `name` and `dtype`.

    Input shape:
        `(batch, height, width, 3)` or `(batch, 3, height, width)`, RGB in any linear unit.

    Output shape:
        The input's, with `4 * scales` channels, or `6 * scales` with `luminance`.

    Weights:
        `log_center_sigma` and `log_surround_sigma`, `(pairs, scales)`, when `learnable`; none
        else.

    Raises:
        ValueError: if `scales` is not a positive integer, the input has not three channels and two
            spatial axes, or is not floating point.

    Source:
        Kim, O, Kim, Lee, *Convolutional Neural Network with Biologically Inspired Retinal
        Structure*, Procedia Computer Science 88 (2016) 145-154.

    Examples:
        >>> retina = RetinalOpponency()
        >>> grey = np.full((1, 8, 8, 3), 0.5)
        >>> responses = np.asarray(retina(grey))
        >>> responses.shape, bool(responses.max() < 1e-6)
        ((1, 8, 8, 12), True)
    """

    def __init__(
        self, scales=3, learnable=False, data_format=None, luminance=False, **kwargs
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.scales = integer("scales", scales, minimum=1)
        self.learnable = flag("learnable", learnable)
        self.luminance = flag("luminance", luminance)

    def build(self, input_shape):
        self._check_rgb(input_shape)
        log_center = np.log(np.geomspace(*_CENTER_SIGMAS, self.scales))
        log_center = np.tile(log_center, (self._pairs(), 1))
        log_surround = log_center + np.log(_SURROUND_TO_CENTER)
        if self.learnable:
            log_center = self._add_log_sigma("log_center_sigma", log_center)
            log_surround = self._add_log_sigma("log_surround_sigma", log_surround)
        self.log_center_sigma, self.log_surround_sigma = log_center, log_surround
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={self._channel_axis(4): 3})
        self.built = True

    def call(self, inputs):
        self._check_floating(inputs)
        axis = self._channel_axis(4)
        red, green, blue = ops.split(inputs, 3, axis=axis)
        centers = [green] * self.scales + [blue] * self.scales
        surrounds = [red] * self.scales + [(red + green) / 2] * self.scales
        if self.luminance:
            light = [(red + green + blue) / 3] * self.scales
            centers, surrounds = centers + light, surrounds + light
        planes = ops.concatenate(centers + surrounds, axis=axis)
        log_sigmas = [self.log_center_sigma, self.log_surround_sigma]
        log_sigmas = ops.concatenate([ops.reshape(s, (-1,)) for s in log_sigmas])
        center, surround = ops.split(self._blur(planes, log_sigmas), 2, axis=axis)
        return on_off(center - surround, axis)

    def _blur(self, planes, log_sigmas):
        """Blur every plane by its own Gaussian, along one spatial axis and then the other."""
        # Half precision is too coarse to compute weights that must sum to one.
        taps = _gaussians(ops.cast(log_sigmas, keras.backend.result_type(planes.dtype, "float32")))
        taps = ops.cast(taps, planes.dtype)
        first = 2 if self.data_format == "channels_first" else 1
        for axis, kernel in ((first, taps[:, None, :, None]), (first + 1, taps[None, :, :, None])):
            planes = _replicate_edge(planes, axis)
            planes = depthwise_convolution(planes, kernel, self.data_format, padding="valid")
        return planes

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        self._check_rgb(input_shape)
        return self._with_channels(input_shape, 2 * self._pairs() * self.scales)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("scales", "learnable", "luminance")}
        return {**super().get_config(), **own}

    def _pairs(self) -> int:
        return 3 if self.luminance else 2

    def _check_rgb(self, input_shape):
        self._check_one_tensor(input_shape)
        if len(input_shape) != 4 or self._channels(input_shape) != 3:
            raise ValueError(
                f"{self.name} takes batches of RGB images, `(batch, height, width, 3)` or channels "
                f"first (data_format={self.data_format!r}). "
                f"Received the shape: {tuple(input_shape)}"
            )

    def _add_log_sigma(self, name, value):
        return self.add_weight(
            name=name, shape=value.shape, initializer=keras.initializers.Constant(value)
        )


def _gaussians(log_sigmas):
    """`(taps, planes)`: Gaussians of the given standard deviations, each with the sum one."""
    distance = ops.arange(-_REACH, _REACH + 1, dtype=log_sigmas.dtype)[:, None]
    return ops.softmax(-0.5 * ops.square(distance / ops.exp(log_sigmas)), axis=0)


def _replicate_edge(planes, axis):
    first = ops.take(planes, [0] * _REACH, axis=axis)
    last = ops.take(planes, [-1] * _REACH, axis=axis)
    return ops.concatenate([first, planes, last], axis=axis)
