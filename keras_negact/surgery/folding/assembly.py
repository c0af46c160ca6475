"""The folded network, built."""

import keras
import numpy as np
from keras import layers

from keras_negact.surgery.folding.batch_normalization import per_channel_affine
from keras_negact.surgery.folding.decide import Decisions
from keras_negact.surgery.folding.leni import Block
from keras_negact.surgery.rebuild import Rebuilder, copy_operation
from keras_negact.surgery.trace import Trace
from keras_negact.surgery.weights import move_weights

_Weights = dict[str, np.ndarray]


def build(model: keras.Model, trace: Trace, decisions: Decisions) -> keras.Model:
    """The folded network, with the weights that the source had when they were decided on."""
    made: dict[int, list[tuple[keras.Layer, _Weights]]] = {}

    def replace(operation, shape):
        key = id(operation)
        if key in decisions.removed:
            return []
        if key not in decisions.places:
            return None
        if key not in made:
            made[key] = _layers(decisions.places[key])
        return [layer for layer, _ in made[key]]

    rebuilder = Rebuilder(replace)
    folded = rebuilder.model(model)
    for operation in {id(call.operation): call.operation for call in trace.calls}.values():
        copy = rebuilder.copies.get(id(operation))
        if isinstance(copy, keras.Layer):
            move_weights(operation, copy)
        for layer, weights in made.get(id(operation), ()):
            _move_activation(operation, layer)
            for name, value in weights.items():
                getattr(layer, name).assign(value)
    if folded.dtype_policy != model.dtype_policy:
        folded.dtype_policy = model.dtype_policy
    return folded


def _layers(place) -> list[tuple[keras.Layer, _Weights]]:
    """The layers that stand for a changed one, and the weights that each will have."""
    if not (isinstance(place, Block) and place.is_activation):
        config, weights = place.rebuilt()
        return [(copy_operation(place.layer, **config), weights)]
    activation = _activation(place.layer)
    if place.is_bare_activation:
        return [(activation, {})]
    name, dtype = f"{place.layer.name}_scale", place.layer.dtype_policy
    affine = per_channel_affine(place.positive, place.bias, place.axis, name, dtype)
    return [(activation, {}), affine]


def _activation(leni) -> keras.Layer:
    """The positive branch as a layer."""
    common = {"name": leni.name, "dtype": leni.dtype_policy}
    if leni.activation is None:
        return layers.ReLU(**common)
    if isinstance(leni.activation, keras.Layer):
        return copy_operation(leni.activation, **common)
    return layers.Activation(leni.activation, **common)


def _move_activation(source: keras.Layer, target: keras.Layer) -> None:
    """The weights of an activation that is a layer, inside the target or the target itself."""
    inner = getattr(source, "activation", None)
    if not isinstance(inner, keras.Layer):
        return
    if type(target) is type(inner):
        move_weights(inner, target)
    elif isinstance(getattr(target, "activation", None), keras.Layer):
        copy = target.activation
        if inner.built and not copy.built:
            copy.build_from_config(inner.get_build_config())
        move_weights(inner, copy)
