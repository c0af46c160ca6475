"""LENI, and all that is linear behind its rectifiers in inference, as one kernel and one bias."""

import keras
import numpy as np

from keras_negact.layers.leni import LENI
from keras_negact.surgery import functions
from keras_negact.surgery.functions import Function, argument_function
from keras_negact.surgery.handlers.insertion import LENI_TEMPLATE
from keras_negact.surgery.handlers.mixing import stated_axis
from keras_negact.surgery.kernels import NotFoldable
from keras_negact.surgery.registry import register, rule_of
from keras_negact.surgery.vocabulary import Conflict, Outcome, Question, Rule

# act(s x) = s act(x) for every s > 0.
_HOMOGENEOUS = ("relu", "leaky_relu", "prelu")
# A scale that moves to a neighbour changes the range of the feature maps between them, which int8
# divides into the same steps for all channels.
_LARGEST_SPREAD = 32


class Block:
    """A LENI as `y = positive * P + kernel (*) N + bias`, in float64.

    Under the compressions `"pointwise"` and `None`, `kernel` and `bias` make the negative branch
    that is to be compressed, and `positive` stays 1.

    Args:
        layer: the built LENI, which stays as it is.

    Raises:
        NotFoldable: when its negative branch is not one kernel and one bias.
    """

    def __init__(self, layer: LENI):
        self.layer = layer
        self.axis = 1 if layer.data_format == "channels_first" else -1
        (self.channels,) = layer.input_spec.axes.values()
        self.rank = len(layer.get_build_config()["input_shape"])
        self.is_sum = layer.compression in ("channelwise", "sum")
        self.transform, self.groups = "depthwise", 1
        self.positive = _values(layer.positive_scale, np.ones(self.channels))
        negative = _values(layer.negative_scale, np.ones(self.channels))
        if self.is_sum and not negative.any():
            self.kernel, self.bias = self._one_tap(0.0), np.zeros(self.channels)
            return
        self._take_transformation()
        self._take_normalization()
        self._scale_branch(negative, np.zeros(self.channels))
        if not self.is_sum and self.is_activation:
            # The compression multiplies the branch by zero, and its bias with it.
            self.bias = np.zeros(self.channels)

    @property
    def is_activation(self) -> bool:
        """Whether nothing but `scale * activation(x) + shift` is left of the block."""
        if self.is_sum:
            return not self.kernel.any()
        if self.layer.compression is None:
            return False
        kernel = np.asarray(self.layer.compression_kernel)
        outputs = np.arange(kernel.shape[-1])
        keeping = np.zeros(kernel.shape[-2:])
        keeping[outputs % (kernel.shape[-2] // 2), outputs] = 1
        same_width = kernel.shape[-1] == self.channels
        return same_width and bool((kernel.reshape(keeping.shape) == keeping).all())

    @property
    def has_positive_scale(self) -> bool:
        return bool((self.positive != 1).any())

    @property
    def is_bare_activation(self) -> bool:
        """Whether nothing but `activation(x)` is left of the block."""
        return self.is_activation and not self.has_positive_scale and not self.bias.any()

    def simplifies(self) -> bool:
        """Whether the rebuilt layer has less to do than the block."""
        layer = self.layer
        scales = (layer.positive_scale, layer.negative_scale)
        has_scales = any(scale is not None for scale in scales)
        return self.is_activation or has_scales or layer.normalization is not None

    def scale_outputs(self, scale: np.ndarray, shift: np.ndarray) -> None:
        """Make `scale * y + shift` of the output `y`."""
        if not self.is_sum:
            kind = self.layer.compression
            raise NotFoldable(f"{self.layer.name} has compression={kind!r}, and no scales")
        self._scale_branch(scale, shift)
        self.positive = self.positive * scale

    def check_scale_fits_in_front(self) -> None:
        """Whether `positive` could as well scale the input: `p relu(x) = relu(p x)`."""
        function = argument_function(self.layer.activation)
        if function is not None and function.name not in _HOMOGENEOUS:
            raise NotFoldable(f"{function.name}(p x) is not p {function.name}(x)")
        if (self.positive <= 0).any():
            raise NotFoldable("its positive scale is not positive in all channels")
        self._check_spread()

    def check_scale_fits_behind(self) -> None:
        """Whether `positive` could as well scale the output."""
        if (self.positive == 0).any():
            raise NotFoldable("its positive scale is zero in some channels")
        self._check_spread()

    def _check_spread(self):
        magnitudes = np.abs(self.positive)
        if magnitudes.max() > _LARGEST_SPREAD * magnitudes.min():
            raise NotFoldable(
                f"its positive scales differ by more than a factor of {_LARGEST_SPREAD}"
            )

    def release_scale_in_front(self) -> None:
        """Expect an input that `positive` has scaled already."""
        self.kernel = self.kernel * self._per_input(1 / self.positive)
        self.positive = np.ones(self.channels)

    def release_scale_behind(self) -> None:
        """Leave it to what is behind to scale by `positive`."""
        self._scale_branch(1 / self.positive, np.zeros(self.channels))
        self.positive = np.ones(self.channels)

    def rebuilt(self) -> tuple[dict, dict[str, np.ndarray]]:
        """What changes in the config, and the values of the weights, where it stays a LENI."""
        return self._config(), self._weights()

    def _config(self):
        taps = self.kernel.shape[:-2]
        compression = self.layer.compression
        if self.is_sum:
            compression = "channelwise" if self.has_positive_scale else "sum"
        unused = [
            f"{part}_{kind}"
            for part in ("kernel", "scale", "compression", "bias")
            for kind in ("initializer", "regularizer", "constraint")
        ]
        return {
            **dict.fromkeys(unused),
            "transform": self.transform,
            "transform_groups": self.groups,
            "kernel_size": taps if taps and self.transform == "depthwise" else 1,
            "normalization": None,
            "compression": compression,
            "kernel_gain": 1.0,
            # One tap needs none, and along space alone there may be no time to be causal in.
            **({"padding": "same"} if self.layer.transform is None else {}),
            "start": "random",
            "slope": None,
            "use_bias": bool(self.bias.any()),
        }

    def _weights(self):
        weights = {"kernel": self.kernel}
        if self.bias.any():
            weights["bias"] = self.bias
        if self.layer.compression == "pointwise":
            weights["compression_kernel"] = np.asarray(self.layer.compression_kernel)
        if self.is_sum and self.has_positive_scale:
            weights["positive_scale"] = self.positive
            weights["negative_scale"] = np.ones(self.channels)
        return weights

    def _take_transformation(self):
        layer = self.layer
        if isinstance(layer.transform, keras.Layer):
            raise NotFoldable("its transformation is a layer of its own, which is not opened")
        if layer.transform is None:
            self.kernel = self._one_tap(1.0)
        else:
            self.transform, self.groups = layer.transform, layer.transform_groups
            self.kernel = np.asarray(layer.kernel, "float64") * layer.kernel_gain
        self.bias = _values(layer.bias, np.zeros(self.channels))

    def _take_normalization(self):
        normalization = self.layer.normalization_layer
        if normalization is None:
            return
        rank = self.rank
        rule = rule_of(normalization)
        if rule is None or rule.affine is None:
            kind = type(normalization).__name__
            raise NotFoldable(f"its normalization, {kind}, depends on the input in inference too")
        if rule.channel_axis(normalization, rank) != self.axis % rank:
            raise NotFoldable("its normalization is not along the channels")
        self._scale_branch(*rule.affine(normalization))

    def _one_tap(self, value):
        ones = (1,) * (self.rank - 2)
        return np.full((*ones, self.channels, 1), value)

    def _scale_branch(self, scale, shift):
        per_output = scale[:, None] if self.transform == "depthwise" else scale
        self.kernel, self.bias = self.kernel * per_output, self.bias * scale + shift

    def _per_input(self, scale):
        if self.transform == "depthwise":
            return scale[:, None]
        return np.repeat(scale.reshape(self.groups, -1).T, self.channels // self.groups, axis=1)


def _values(weight, default):
    return default if weight is None else np.asarray(weight, "float64")


@register(LENI)
def _(layer):
    def follow(question: Question) -> Outcome:
        raise Conflict("the weights of a LENI do not follow changed channels", question.maps)

    def function(x):
        return Function("leni", lambda: functions.fresh_copy(x), layer=x)

    def steps_ahead(x):
        looks = x.transform == "depthwise" and x.padding == "same"
        taps = x.kernel_size[0] if isinstance(x.kernel_size, tuple) else x.kernel_size
        return taps // 2 if looks else 0

    names = ("kernel", "compression_kernel", "positive_scale", "negative_scale")
    return Rule(
        follow,
        function=function,
        kernels=names,
        inner_layers=("activation", "transform", "normalization_layer"),
        at_input=True,
        arrays=Block,
        simplifies=True,
        template=LENI_TEMPLATE,
        steps_ahead=steps_ahead,
        channel_axis=stated_axis,
    )
