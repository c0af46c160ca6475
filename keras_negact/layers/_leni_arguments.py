"""LENI's arguments: what is allowed, checked when the layer is made."""

import keras

from keras_negact._checks import integer, number, refused

TRANSFORMS = ("depthwise", "pointwise")
NORMALIZATIONS = ("batch",)
COMPRESSIONS = ("channelwise", "pointwise", "sum", None)
PADDINGS = ("same", "causal")
STARTS = ("keep", "leaky", "random", None)
# Chosen on validation images, and where networks die: docs/evidence.md.
DEFAULT_GAIN = 2.0


def name_or_layer(name: str, value, names: tuple):
    """`value`, which is one of `names`, `None` or a Keras layer."""
    if value is None or isinstance(value, keras.Layer):
        return value
    if isinstance(value, str) and value in names:
        return value
    raise ValueError(f"`{name}` must be one of {names}, None or a Keras layer. Received: {value!r}")


def activation(value):
    """A function or a layer from anything that Keras takes for an activation; `None` stays."""
    if value is None:
        return None
    try:
        if isinstance(value, type):
            raise ValueError("A class is callable, and would be called with the feature maps.")
        return keras.activations.get(value)
    except ValueError as error:
        raise ValueError(
            "`activation` must be the name of a Keras activation, a function, a Keras layer or "
            f"None. Received: {value!r}"
        ) from error


def kernel_gain(value, transform) -> float:
    """The gain of a kernel; where `None` is given, the default, and 1 where there is no kernel."""
    if value is not None:
        return number("kernel_gain", value, above=0)
    return DEFAULT_GAIN if transform in TRANSFORMS else 1.0


def odd_taps(kernel_size):
    """`kernel_size`, an odd positive integer, or a tuple of them."""
    several = isinstance(kernel_size, (tuple, list))
    try:
        sizes = tuple(
            integer("kernel_size", size, minimum=1)
            for size in (kernel_size if several else [kernel_size])
        )
        if not sizes or any(size % 2 == 0 for size in sizes):
            raise ValueError
    except ValueError:
        allowed = (
            "an odd positive integer, so that a tap lies in the middle, or one for each spatial "
            "axis"
        )
        raise refused("kernel_size", allowed, kernel_size) from None
    return sizes if several else sizes[0]


def check_combination(layer) -> None:
    """Refuse arguments of a `LENI` that contradict each other."""
    if layer.filters is not None and layer.compression != "pointwise":
        raise ValueError(
            "`filters` goes with compression='pointwise' alone: the others fix the number of "
            f"channels. Received: filters={layer.filters}, compression={layer.compression!r}"
        )
    if layer.groups != 1 and layer.compression != "pointwise":
        raise ValueError(
            "`groups` are those of compression='pointwise'. "
            f"Received: groups={layer.groups}, compression={layer.compression!r}"
        )
    if layer.filters is not None and layer.filters % layer.groups:
        raise ValueError(
            f"`groups` must divide `filters`. "
            f"Received: groups={layer.groups}, filters={layer.filters}"
        )
    if layer.transform_groups != 1 and layer.transform != "pointwise":
        raise ValueError(
            "`transform_groups` are those of transform='pointwise'. "
            f"Received: transform_groups={layer.transform_groups}, transform={layer.transform!r}"
        )
    if layer.use_bias and layer.transform not in TRANSFORMS:
        raise ValueError(
            f"`use_bias` goes with one of the transforms {TRANSFORMS}. "
            f"Received: use_bias={layer.use_bias}, transform={layer.transform!r}"
        )
    if layer.kernel_gain != 1 and layer.transform not in TRANSFORMS:
        raise ValueError(
            f"`kernel_gain` goes with one of the transforms {TRANSFORMS}. "
            f"Received: kernel_gain={layer.kernel_gain}, transform={layer.transform!r}"
        )
    if layer.slope is not None and layer.start != "leaky":
        raise ValueError(
            "`slope` is that of start='leaky'. "
            f"Received: slope={layer.slope}, start={layer.start!r}"
        )
    given = given_initializers(layer)
    if layer.start in ("keep", "leaky") and given:
        raise ValueError(
            f"start={layer.start!r} fixes the weights that matter at the start, so no initializer "
            f"goes with it. Received: {', '.join(given)}. "
            "Allowed: start='random', or no initializer."
        )
    if layer.start == "leaky" and not _can_start_leaky(layer):
        raise ValueError(
            "start='leaky' goes with the transforms 'depthwise', 'pointwise' and None, without "
            "normalization and without pointwise compression. Received: "
            f"transform={layer.transform!r}, normalization={layer.normalization!r}, "
            f"compression={layer.compression!r}"
        )


def _can_start_leaky(layer) -> bool:
    plain = layer.transform is None or layer.transform in TRANSFORMS
    return plain and layer.normalization is None and layer.compression != "pointwise"


def given_initializers(layer) -> list[str]:
    """The names of the initializers that a `LENI` was made with."""
    names = [f"{part}_initializer" for part in ("kernel", "scale", "compression", "bias")]
    return [name for name in names if getattr(layer, name) is not None]


def taps(kernel_size, spatial_rank: int, padding: str) -> tuple:
    """The taps along each spatial axis: none for inputs without spatial axes."""
    if spatial_rank > 3:
        raise ValueError(
            f"transform='depthwise' takes up to three spatial axes. Received: {spatial_rank}"
        )
    if padding == "causal" and spatial_rank > 1:
        raise ValueError(
            "padding='causal' goes with one axis of time, (batch, time, channels) or channels "
            f"first. Received: {spatial_rank} spatial axes"
        )
    if isinstance(kernel_size, int):
        return (kernel_size,) * spatial_rank
    if spatial_rank and len(kernel_size) != spatial_rank:
        raise ValueError(
            "`kernel_size` must be an integer or have one entry for each spatial axis, of which "
            f"there are {spatial_rank}. Received: {kernel_size}"
        )
    return kernel_size[:spatial_rank]


def check_divides(name: str, value: int, channels: int) -> None:
    """Refuse groups that do not divide the channels."""
    if channels % value:
        raise ValueError(
            f"`{name}` must divide the number of channels. Received: {name}={value}, "
            f"channels={channels}"
        )


def build_keeping_shape(name: str, layer: keras.Layer, shape: tuple) -> None:
    """Build an inner layer; refuse it if its output has another shape than its input."""
    # A call, because not every layer has a `build` or a `compute_output_shape` of its own.
    given = tuple(layer(keras.KerasTensor(shape, dtype=layer.compute_dtype)).shape)
    if given != shape:
        raise ValueError(
            f"`{name}` must keep the shape of the feature maps, {tuple(shape)}. "
            f"Received: {layer.__class__.__name__}, whose output has the shape {given}"
        )
