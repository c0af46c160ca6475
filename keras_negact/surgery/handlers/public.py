"""The small vocabulary for rules of other people's layers."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_negact import _checks
from keras_negact.surgery.functions import Function, argument_function, of_layer
from keras_negact.surgery.handlers.mixing import mixing, stated_axis
from keras_negact.surgery.vocabulary import Conflict, Outcome, Question, Rule, Take

MultiplyAdds = Callable[[object, tuple], float]


def keep_channels(
    weights: Mapping[str, int] | None = None,
    config: Callable[[int], dict] | None = None,
    linear: bool = False,
    idle: bool = False,
    scale_and_shift: Callable[[Any], tuple] | None = None,
    function=None,
    kernels: tuple[str, ...] = (),
    multiply_adds: MultiplyAdds | None = None,
) -> Rule:
    """The rule of a layer that treats each channel by itself.

    Args:
        weights: the weights that have an entry for each channel: by the name of the attribute, the
            axis of the channels in it. They follow the channels.
        config: from the new number of channels, the constructor arguments that change with it.
        linear: whether its output is linear in its input.
        idle: whether it does nothing in inference.
        scale_and_shift: of a layer that multiplies each channel by one number and adds another in
            inference, what gives these from the layer, built: two arrays, of an entry for each
            channel. `fold_for_inference` takes such a layer away where it can.
        function: of an activation, the function that it computes, as `keras.activations.get` takes
            it; `True` where it has no name, so that the layer itself stands for it.
        kernels: names of the weights that it multiplies with at every place.
        multiply_adds: from the layer and the shape of its input, the multiply-adds for one example,
            where these are not the kernels' sizes times the places.

    Examples:
        >>> class ChannelScale(keras.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        ...     def call(self, inputs):
        ...         return inputs * self.scale
        >>> @register(ChannelScale)
        ... def channel_scale(layer):
        ...     return keep_channels(weights={"scale": 0}, linear=True)
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3, activation="relu"),
        ...     ChannelScale(name="own"),
        ...     keras.layers.Conv2D(2, 3),
        ... ])
        >>> tuple(clone_with_activation(model, "on_off_relu").get_layer("own").scale.shape)
        (8,)
    """
    axes = _axes(weights)
    if config is not None:
        _checks.function("config", config, arguments=1)
    if function is not None and function is not True:
        function = _activation(function)
    _checks.flag("linear", linear)
    _checks.flag("idle", idle)
    if scale_and_shift is not None:
        _checks.function("scale_and_shift", scale_and_shift, arguments=1)
    _check_costs(kernels, multiply_adds)

    def follow(question: Question) -> Outcome:
        channels = question.maps[0]
        if any(other is None or not other.same_channels(channels) for other in question.maps[1:]):
            raise Conflict("its inputs do not have the same channels", question.maps, False)
        changes = {} if config is None else config(len(channels))
        takes = {name: (Take(axis, channels),) for name, axis in axes.items()}
        return Outcome([channels] * len(question.output_shapes), config=changes, takes=takes)

    def affine(layer):
        scale, shift = (np.asarray(x, "float64") for x in scale_and_shift(layer))
        return scale, shift

    def describe(layer) -> Function | None:
        if function is True:
            return of_layer(layer)
        return argument_function(function)

    return Rule(
        follow,
        passes=True,
        linear=linear,
        idle=idle,
        affine=None if scale_and_shift is None else affine,
        function=None if function is None else describe,
        kernels=kernels,
        at_input=True,
        channel_axis=_own_axis if axes or scale_and_shift is not None else _no_axis,
        multiply_adds=multiply_adds,
    )


def mix_channels(
    kernel: str = "kernel",
    input_axis: int = -2,
    output_axis: int = -1,
    bias: str | None = "bias",
    width: str = "filters",
    at_input: bool = False,
    multiply_adds: MultiplyAdds | None = None,
) -> Rule:
    """The rule of a layer that is linear and mixes all channels, by one kernel.

    Args:
        kernel, bias: names of the attributes that are these weights.
        input_axis, output_axis: the kernel's axes of the input's and of the output's channels.
        width: the constructor argument that is the number of output channels.
        at_input: whether the kernel is applied at every place of the input, as a transposed
            convolution does, not of the output.
        multiply_adds: as in `keep_channels`; `None`: the kernel's size at every place.

    Examples:
        >>> class Mixing(keras.layers.Layer):
        ...     def __init__(self, units=2, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.units = units
        ...     def build(self, input_shape):
        ...         self.matrix = self.add_weight(shape=(input_shape[-1], self.units))
        ...     def call(self, inputs):
        ...         return keras.ops.matmul(inputs, self.matrix)
        ...     def get_config(self):
        ...         return {**super().get_config(), "units": self.units}
        >>> @register(Mixing)
        ... def mixing(layer):
        ...     return mix_channels(kernel="matrix", bias=None, width="units")
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.ReLU(), Mixing(name="own")])
        >>> tuple(clone_with_activation(model, "on_off_relu").get_layer("own").matrix.shape)
        (6, 2)
    """
    _checks.text("kernel", kernel)
    input_axis = _checks.integer("input_axis", input_axis)
    output_axis = _checks.integer("output_axis", output_axis)
    if bias is not None:
        _checks.text("bias", bias)
    _checks.text("width", width)
    _checks.flag("at_input", at_input)
    _check_costs((), multiply_adds)
    return Rule(
        mixing(kernel, input_axis, output_axis, bias, width),
        mixes=True,
        linear=True,
        kernels=(kernel,),
        at_input=at_input,
        multiply_adds=multiply_adds,
    )


def refuse(
    reason: str, kernels: tuple[str, ...] = (), multiply_adds: MultiplyAdds | None = None
) -> Rule:
    """The rule of a layer behind which channels must stay as they are.

    Args:
        reason: why, for the plan.
        kernels, multiply_adds: as in `keep_channels`.

    Examples:
        >>> class Sorting(keras.layers.Layer):
        ...     def call(self, inputs):
        ...         return keras.ops.sort(inputs, axis=-1)
        >>> @register(Sorting)
        ... def sorting(layer):
        ...     return refuse("it sorts the channels")
        >>> model = keras.Sequential([
        ...     keras.Input((3,)), keras.layers.ReLU(), Sorting(name="sorting")
        ... ])
        >>> plan_activation_swap(model, "on_off_relu").sites[0].reason
        'at sorting (Sorting): it sorts the channels'
    """
    _checks.text("reason", reason)
    _check_costs(kernels, multiply_adds)

    def follow(question: Question) -> Outcome:
        raise Conflict(reason, question.changed or [question.wanted])

    return Rule(
        follow,
        kernels=kernels,
        at_input=True,
        channel_axis=_no_axis,
        multiply_adds=multiply_adds,
    )


def _own_axis(layer, rank: int) -> int:
    """The axis of the channels that a layer's weights are along: its `axis`, if it has one."""
    axis = getattr(layer, "axis", None)
    return axis % rank if isinstance(axis, int) else stated_axis(layer, rank)


def _no_axis(layer, rank: int) -> int | None:
    """Element by element, or unknown: where the channels are, others say."""
    return stated_axis(layer, rank) if hasattr(layer, "data_format") else None


def _activation(function):
    try:
        return keras.activations.get(function)
    except ValueError as error:
        allowed = "an activation of Keras's, by name or as a function, True or None"
        raise _checks.refused("function", allowed, function) from error


def _axes(weights) -> dict[str, int]:
    allowed = "a dictionary from the names of weights to the axes of their channels, or None"
    is_fit = weights is None or isinstance(weights, Mapping)
    if not is_fit or not all(isinstance(name, str) for name in weights or ()):
        raise _checks.refused("weights", allowed, weights)
    return {name: _checks.integer("weights", axis) for name, axis in (weights or {}).items()}


def _check_costs(kernels, multiply_adds) -> None:
    is_names = isinstance(kernels, (tuple, list))
    if not is_names or not all(isinstance(name, str) for name in kernels):
        raise _checks.refused("kernels", "a tuple of names of weights", kernels)
    if multiply_adds is not None:
        _checks.function("multiply_adds", multiply_adds, arguments=2)
