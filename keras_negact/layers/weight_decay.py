"""Which variables weight decay should leave alone."""

from collections.abc import Iterator

import keras

from keras_negact._checks import instance
from keras_negact.layers.retina import RetinalOpponency

# Their weights are scales, slopes and widths, whatever their shape.
_WITHOUT_KERNELS = (keras.layers.PReLU, RetinalOpponency)


def weights_without_decay(layer: keras.Layer) -> list[keras.Variable]:
    """The trainable variables of a layer or model that weight decay should leave alone.

    These are all that are no kernels: everything of one axis or none (scales of `LENI` and of
    normalizations, biases, gains), biases of more axes (`GRU`, `EinsumDense`), the slopes of
    `PReLU` and the widths of `RetinalOpponency`. Decay would pull `LENI`'s positive scale, and with
    it the network's response, towards zero. They are told by what they are and never by their
    name:

        optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.05)
        optimizer.exclude_from_weight_decay(var_list=weights_without_decay(model))
        model.compile(optimizer, ...)

    Args:
        layer: a built layer or model; layers inside it, at any depth, are looked at as well.

    Returns:
        The variables, each of them once, in the order of `layer.trainable_variables`.

    Raises:
        ValueError: if `layer` is no Keras layer or isn't built.

    Examples:
        >>> convolution = keras.layers.Conv2D(4, 3)
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), convolution, LENI()])
        >>> [variable.name for variable in weights_without_decay(model)]
        ['bias', 'positive_scale', 'negative_scale']
    """
    instance("layer", layer, keras.Layer)
    if not layer.built:
        raise ValueError(
            f"`layer` must be built, so that it has its variables. Received: {layer.name}, which "
            "is not. Call it once, or give the model an Input."
        )
    spared = {id(variable) for inner in _with_inner_layers(layer) for variable in _spared_of(inner)}
    return [
        variable
        for variable in layer.trainable_variables
        if len(variable.shape) <= 1 or id(variable) in spared
    ]


def _spared_of(layer: keras.Layer) -> list[keras.Variable]:
    if isinstance(layer, _WITHOUT_KERNELS):
        return layer.trainable_variables
    bias = getattr(layer, "bias", None)
    return [] if bias is None else [bias]


def _with_inner_layers(layer: keras.Layer) -> Iterator[keras.Layer]:
    """The layer and all layers that it holds in attributes, lists and dictionaries."""
    seen, waiting = set(), [layer]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, keras.Layer):
            yield value
            waiting += vars(value).values()
        elif isinstance(value, (list, tuple, set)):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
