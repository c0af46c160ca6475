"""The folded network, built."""

import keras
import numpy as np
from keras import layers

from keras_negact.graph import Edit, Graph, copy_operation, copy_state, rewrite
from keras_negact.surgery.folding.affine import per_channel_affine
from keras_negact.surgery.folding.decide import Decisions
from keras_negact.surgery.handlers.leni import Block

_Weights = dict[str, np.ndarray]


def build(graph: Graph, decisions: Decisions) -> keras.Model:
    """The folded network, with the weights that the source had when they were decided on."""
    edits = {}
    for operation, calls in graph.operations.items():
        if operation in decisions.removed:
            edits.update(dict.fromkeys(calls, Edit([])))
        elif operation in decisions.places:
            edits.update(dict.fromkeys(calls, _edit(decisions.places[operation])))
    return rewrite(graph, edits)


def _edit(place) -> Edit:
    made = _layers(place)

    def start():
        for layer, weights in made:
            _move_activation(place.layer, layer)
            for name, value in weights.items():
                getattr(layer, name).assign(value)

    return Edit([layer for layer, _ in made], starts=[start])


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
        copy_state(inner, target)
    elif isinstance(getattr(target, "activation", None), keras.Layer):
        copy_state(inner, target.activation)
