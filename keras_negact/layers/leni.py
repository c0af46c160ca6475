"""LENI: a block that learns what to do with the negative part."""

from typing import Any

import keras
from keras import ops

from keras_negact._checks import flag, integer, number, one_of
from keras_negact.layers import _leni_arguments as arguments
from keras_negact.layers._feature_map_layer import FeatureMapLayer
from keras_negact.layers._leni_start import (
    DEFAULT_SLOPE,
    Divided,
    LeakyKernel,
    default_kernel_initializer,
    keeping_compression,
)
from keras_negact.layers.ops.channel_mixing import mix_channels
from keras_negact.layers.ops.depthwise import filter_negative_part

_INNER = ("activation", "transform", "normalization")
_WEIGHTS = {
    "kernel": "kernel",
    "bias": "bias",
    "positive_scale": "scale",
    "negative_scale": "scale",
    "compression_kernel": "compression",
}
# What a configuration means that does not say it, whatever the defaults have become since.
_FIRST_DEFAULTS = {
    "activation": None,
    "transform": "depthwise",
    "kernel_size": 3,
    "kernel_gain": 1.0,
    "padding": "same",
    "normalization": None,
    "compression": "channelwise",
    "start": None,
    "slope": None,
    "use_bias": False,
}


@keras.saving.register_keras_serializable(package="keras_negact")
class LENI(FeatureMapLayer):
    """Learns to Enhance the Negative Information: a block in the place of an activation layer.

    Formula:

        P  = activation(x)                  the positive branch
        N  = relu(-x)                       the negative feature maps, never negative themselves
        N' = normalization(T(N) + bias)     the trainable transformation
        y  = compress(concat([P, N']))      concatenation and compression

    The paper fixes two parallel branches, one with a single ReLU and one with a trainable
    transformation of the negative feature maps, then concatenation and compression. It does not
    fix the transformation, the compression operator, the normalization or the initial weights:
    these, with all their defaults, are this package's choice, and so is every positive branch
    other than ReLU.

    Args:
        activation: the positive branch: a Keras activation (name or function) or a layer that keeps
            the shape. `None`: ReLU; where the block is a template for a swap of activations, the
            function that it replaces.
        transform: `T`. `"depthwise"`: a depthwise convolution with zero padding. `"pointwise"`: a
            1x1 convolution. `None`: the identity. A layer that keeps the shape: that layer.
        kernel_size: taps of the depthwise transformation along each spatial axis, an odd integer or
            one for each axis. Inputs without spatial axes have one tap. Not used by the others.
        padding: of the depthwise transformation: `"same"`, zeros around the feature maps, or
            `"causal"`, zeros in front of them along one axis of time, so that no output depends on
            what comes later. The others look at one point in time, whatever the padding.
        kernel_gain: `s`, a positive number without unit. The block keeps `kernel / s` and uses
            `s * kernel`, so that SGD moves the kernel in use `s ** 2` times as far in a step, and
            Adam `s` times. The start is the same for every gain. `None`: 2 where `T` has a kernel
            of its own.
        transform_groups: groups of channels that the pointwise transformation keeps apart.
        normalization: of the negative branch, after `T`: `None`, `"batch"`, or a layer that keeps
            the shape.
        compression: `"channelwise"`: `y_c = p_c * P_c + n_c * N'_c`. `"pointwise"`: a 1x1
            convolution over the concatenation. `"sum"`: `y_c = P_c + N'_c`, which is what
            `fold_for_inference` leaves of the channelwise one where it can. `None`: no compression,
            the `2 * channels` channels `[P | N']`.
        groups: groups of the pointwise compression. `P_c` and `N'_c` meet in the same group.
        filters: output channels of the pointwise compression. `None`: as many as the input's.
        start: `"keep"`: at the start the block computes `activation(x)`, in float32 to the last
            bit. `"leaky"`: `activation(x) - slope * relu(-x)`, which without an activation is a
            leaky ReLU; without normalization and pointwise compression alone. `"random"`: every
            weight is drawn by its initializer. `None`: `"keep"`, unless `filters` changes the
            number of channels or an initializer is given.
        slope: of `start="leaky"`, a number: `0` starts as `"keep"` does, `-1` as the absolute
            value. `None`: 1/4, where PReLU's paper starts its slopes.
        use_bias: whether `T`, when depthwise or pointwise, has a bias.
        data_format: `"channels_last"` or `"channels_first"`. `None`: Keras's own default.
        kernel_initializer, kernel_regularizer, kernel_constraint: of `T`'s kernel. The initializer
            draws the kernel in use, and defaults to `VarianceScaling(mode="fan_out")`, which counts
            a depthwise kernel's taps right, as Glorot's does not; the other two see what is kept.
        scale_initializer, scale_regularizer, scale_constraint: of the channelwise scales. The
            initializer defaults to `"ones"`. Weight decay on `positive_scale` shrinks the
            network's response: keep it off with `weights_without_decay`.
        compression_initializer, compression_regularizer, compression_constraint: of the pointwise
            compression's kernel. The initializer defaults to `"glorot_uniform"`.
        bias_initializer, bias_regularizer, bias_constraint: of the bias. The initializer defaults
            to `"zeros"`.
        **kwargs: arguments of `keras.Layer`, such as `name` and `dtype`.

    Input shape:
        `(batch, *spatial, C)` or `(batch, C, *spatial)`, with up to three spatial axes of known or
        unknown size. With none, that is `(batch, features)`. A built block whose kernel has one tap
        takes any number of axes, channels last.

    Output shape:
        The input's; with `filters`, that many channels; without compression, `2 * C`.

    Weights:
        `kernel`: `(*taps, C, 1)` or `(1..., C / transform_groups, C)`, divided by
        `kernel_gain`. `bias`: `(C,)`.
        `positive_scale`, `negative_scale`: `(C,)`. `compression_kernel`:
        `(1..., 2 * C / groups, filters)`. They are per channel, never per pixel. Under `"sum"` and
        without compression there is a `negative_scale` only where `T` has no kernel of its own, or
        where a normalization follows it: the negative branch could not start silent otherwise.

    At the start, under `"keep"`, the negative branch is silenced by a kernel of zeros where the
    kernel is the block's own and no normalization follows, else by `negative_scale = 0`; a
    pointwise compression starts as `[I; 0]`. Under `"leaky"` the kernel starts as
    `-slope * I`, or `negative_scale` as `-slope` where there is none. The block's own weights then
    have a gradient from the first step on, and a unit that is negative on every example has one
    from the second under `"keep"`, from the first under `"leaky"`.

    Raises:
        ValueError: when an argument is none of the above or does not go with the others; at build,
            when the input's shape does not go with them; when the input is not floating point.

    Source:
        Cai, Peng, Shen, *Learn to Enhance the Negative Information in Convolutional Neural
        Network*, arXiv 2306.10536 (2023).

    Examples:
        >>> x = np.array([[-2.0, 0.0, 3.0]])
        >>> np.asarray(LENI()(x))
        array([[0., 0., 3.]], dtype=float32)
        >>> np.asarray(LENI(start="leaky")(x))
        array([[-0.5,  0. ,  3. ]], dtype=float32)
        >>> convolution = keras.layers.Conv2D(16, 3)
        >>> model = keras.Sequential([keras.Input((32, 32, 3)), convolution, LENI()])
        >>> model.output_shape
        (None, 30, 30, 16)
    """

    def __init__(
        self,
        activation=None,
        transform="depthwise",
        kernel_size=3,
        kernel_gain=None,
        padding="same",
        transform_groups=1,
        normalization=None,
        compression="channelwise",
        groups=1,
        filters=None,
        start=None,
        slope=None,
        use_bias=False,
        data_format=None,
        kernel_initializer=None,
        kernel_regularizer=None,
        kernel_constraint=None,
        scale_initializer=None,
        scale_regularizer=None,
        scale_constraint=None,
        compression_initializer=None,
        compression_regularizer=None,
        compression_constraint=None,
        bias_initializer=None,
        bias_regularizer=None,
        bias_constraint=None,
        **kwargs,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.activation = arguments.activation(activation)
        self.transform = arguments.name_or_layer("transform", transform, arguments.TRANSFORMS)
        self.kernel_size = arguments.odd_taps(kernel_size)
        self.kernel_gain = arguments.kernel_gain(kernel_gain, self.transform)
        self.padding = one_of("padding", padding, arguments.PADDINGS)
        self.transform_groups = integer("transform_groups", transform_groups, minimum=1)
        self.normalization = arguments.name_or_layer(
            "normalization", normalization, arguments.NORMALIZATIONS
        )
        self.compression = one_of("compression", compression, arguments.COMPRESSIONS)
        self.groups = integer("groups", groups, minimum=1)
        self.filters = None if filters is None else integer("filters", filters, minimum=1)
        self.start = one_of("start", start, arguments.STARTS)
        self.slope = None if slope is None else number("slope", slope)
        self.use_bias = flag("use_bias", use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.scale_initializer = keras.initializers.get(scale_initializer)
        self.scale_regularizer = keras.regularizers.get(scale_regularizer)
        self.scale_constraint = keras.constraints.get(scale_constraint)
        self.compression_initializer = keras.initializers.get(compression_initializer)
        self.compression_regularizer = keras.regularizers.get(compression_regularizer)
        self.compression_constraint = keras.constraints.get(compression_constraint)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        arguments.check_combination(self)

        self.normalization_layer = self.normalization
        if self.normalization == "batch":
            axis = 1 if self.data_format == "channels_first" else -1
            self.normalization_layer = keras.layers.BatchNormalization(
                axis=axis, dtype=self.dtype_policy, trainable=self.trainable, name="normalization"
            )
        self.supports_masking = self._is_pointwise()

    def build(self, input_shape):
        channels = self._channels(input_shape)
        arguments.check_divides("groups", self.groups, channels)
        inner_layers = (self.activation, self.transform, self.normalization_layer)
        for name, inner in zip(_INNER, inner_layers, strict=True):
            if isinstance(inner, keras.Layer):
                arguments.build_keeping_shape(name, inner, tuple(input_shape))

        keep = self._starts_as_keep(channels)
        kernel_is_last = self._owns_kernel() and self.normalization is None
        self.kernel = self.bias = self.positive_scale = self.negative_scale = None
        if self._owns_kernel():
            silent = keep and kernel_is_last and self.compression != "pointwise"
            self.kernel = self._add(
                "kernel",
                self._kernel_shape(input_shape, channels),
                "zeros" if silent else self._kernel_start(),
            )
            if self.use_bias:
                self.bias = self._add("bias", (channels,), self.bias_initializer or "zeros")
        if self.compression == "channelwise":
            self.positive_scale = self._add(
                "positive_scale", (channels,), self.scale_initializer or "ones"
            )
        silenced_by_scale = self.compression != "pointwise" and not kernel_is_last
        if self.compression == "channelwise" or silenced_by_scale:
            silent = keep and not kernel_is_last
            self.negative_scale = self._add(
                "negative_scale", (channels,), "zeros" if silent else self._negative_scale_start()
            )
        if self.compression == "pointwise":
            ones = (1,) * (len(input_shape) - 2)
            self.compression_kernel = self._add(
                "compression_kernel",
                (*ones, 2 * channels // self.groups, self.filters or channels),
                keeping_compression if keep else self.compression_initializer or "glorot_uniform",
            )
        channels_first = self.data_format == "channels_first"
        self.input_spec = keras.layers.InputSpec(
            # Without taps any number of axes will do, as it does for a dense layer.
            ndim=len(input_shape) if channels_first or self._has_taps() else None,
            min_ndim=2,
            axes={1 if channels_first else -1: channels},
        )
        self.built = True

    @property
    def effective_kernel(self) -> Any:
        """The kernel in use, `kernel_gain * kernel`; `None` where `T` has none of its own."""
        if self.kernel is None or self.kernel_gain == 1:
            return self.kernel
        return self.kernel_gain * ops.convert_to_tensor(self.kernel)

    def call(self, inputs, mask=None, training=False):
        # `training` finds its way to the inner layers by itself.
        self._check_floating(inputs)
        rank = len(inputs.shape)
        positive = ops.relu(inputs) if self.activation is None else self.activation(inputs)
        positive = ops.cast(positive, inputs.dtype)
        negative = self._negative_branch(inputs, mask, training)
        if self.compression == "channelwise":
            return positive * self._per_channel(self.positive_scale, rank) + negative
        if self.compression == "sum":
            return positive + negative
        axis = self._channel_axis(rank)
        if self.compression is None:
            return ops.concatenate([positive, negative], axis=axis)
        return self._compress(positive, negative, axis)

    def _negative_branch(self, inputs, mask, training):
        """`N'`, times the negative scale where there is one."""
        rank = len(inputs.shape)
        scale = self.negative_scale
        if self.kernel is not None:
            kernel, bias = self.effective_kernel, self.bias
            if scale is not None and self.normalization is None:
                # One multiplication a weight instead of one a pixel: the branch is linear in N.
                kernel = kernel * self._per_output(scale)
                bias = None if bias is None else bias * scale
                scale = None
            negative = self._convolve_negative_part(inputs, kernel, training)
            if bias is not None:
                negative = negative + self._per_channel(bias, rank)
        else:
            negative = ops.relu(ops.negative(inputs))
            if self.transform is not None:
                negative = self.transform(negative)
        if self.normalization_layer is not None:
            negative = self._normalize(negative, mask)
        negative = ops.cast(negative, inputs.dtype)
        return negative if scale is None else negative * self._per_channel(scale, rank)

    def _normalize(self, negative, mask):
        if isinstance(self.normalization_layer, keras.layers.BatchNormalization):
            # Padding is no part of the batch's statistics.
            return self.normalization_layer(negative, mask=mask)
        return self.normalization_layer(negative)

    def _convolve_negative_part(self, inputs, kernel, training):
        if self.transform == "depthwise":
            return filter_negative_part(inputs, kernel, self.data_format, self.padding, training)
        axis = self._channel_axis(len(inputs.shape))
        negative = ops.relu(ops.negative(inputs))
        return mix_channels(negative, kernel, self.transform_groups, axis)

    def _per_output(self, scale):
        return scale[:, None] if self.transform == "depthwise" else scale

    def _compress(self, positive, negative, axis):
        # The concatenation is never made: each half meets its own rows of the kernel.
        half = self.compression_kernel.shape[-2] // 2
        kernel = ops.convert_to_tensor(self.compression_kernel)
        return mix_channels(positive, kernel[..., :half, :], self.groups, axis) + mix_channels(
            negative, kernel[..., half:, :], self.groups, axis
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        channels = self._channels(input_shape)
        if self.compression is None:
            return self._with_channels(input_shape, 2 * channels)
        return self._with_channels(input_shape, self.filters or channels)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config["activation"] = keras.saving.serialize_keras_object(self.activation)
        for name in ("transform", "normalization"):
            value = getattr(self, name)
            is_layer = isinstance(value, keras.Layer)
            config[name] = keras.saving.serialize_keras_object(value) if is_layer else value
        for name in _INNER:
            if isinstance(config[name], dict):
                # Else a copy for another number of channels would come with this one's shapes.
                config[name].pop("build_config", None)
        for name in (
            "kernel_size",
            "kernel_gain",
            "padding",
            "transform_groups",
            "compression",
            "groups",
            "filters",
            "start",
            "slope",
            "use_bias",
        ):
            config[name] = getattr(self, name)
        for part in dict.fromkeys(_WEIGHTS.values()):
            for kind in ("initializer", "regularizer", "constraint"):
                value = getattr(self, f"{part}_{kind}")
                config[f"{part}_{kind}"] = keras.saving.serialize_keras_object(value)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LENI":
        config = {**_FIRST_DEFAULTS, **config}
        for name in _INNER:
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return super().from_config(config)

    def _owns_kernel(self) -> bool:
        return self.transform in arguments.TRANSFORMS

    def _is_pointwise(self) -> bool:
        """Whether a time step's output depends on that step alone, so that a mask stays right."""
        inner = (self.activation, self.transform, self.normalization_layer)
        return not self._has_taps() and all(
            layer.supports_masking for layer in inner if isinstance(layer, keras.Layer)
        )

    def _has_taps(self) -> bool:
        """Whether the kernel reaches beyond the place whose output it makes."""
        taps = self.kernel_size if isinstance(self.kernel_size, tuple) else (self.kernel_size,)
        return self.transform == "depthwise" and set(taps) != {1}

    def _starts_as_keep(self, channels: int) -> bool:
        keeps_width = self.filters in (None, channels)
        if self.start == "keep" and not keeps_width:
            raise ValueError(
                "start='keep' needs as many output channels as there are input channels. "
                f"Received: filters={self.filters}, channels={channels}. Allowed: start='random'."
            )
        if self.start is None:
            return keeps_width and not arguments.given_initializers(self)
        return self.start == "keep"

    def _kernel_start(self):
        if self.start == "leaky":
            initializer = LeakyKernel(self._slope(), self.padding)
        else:
            initializer = self.kernel_initializer or default_kernel_initializer()
        return initializer if self.kernel_gain == 1 else Divided(initializer, self.kernel_gain)

    def _negative_scale_start(self):
        if self.start == "leaky" and not self._owns_kernel():
            return keras.initializers.Constant(-self._slope())
        return self.scale_initializer or "ones"

    def _slope(self) -> float:
        return DEFAULT_SLOPE if self.slope is None else self.slope

    def _kernel_shape(self, input_shape, channels: int) -> tuple:
        spatial_rank = len(input_shape) - 2
        if self.transform == "pointwise":
            arguments.check_divides("transform_groups", self.transform_groups, channels)
            return (*(1,) * spatial_rank, channels // self.transform_groups, channels)
        return (*arguments.taps(self.kernel_size, spatial_rank, self.padding), channels, 1)

    def _add(self, name, shape, initializer):
        part = _WEIGHTS[name]
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer,
            regularizer=getattr(self, f"{part}_regularizer"),
            constraint=getattr(self, f"{part}_constraint"),
        )
