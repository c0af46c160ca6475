"""A network run call by call, so that what reaches its activations can be seen and changed."""

from collections.abc import Callable
from typing import Any

import keras

from keras_negact.surgery.functions import argument_function
from keras_negact.surgery.rebuild import copy_operation
from keras_negact.surgery.sites import Site, find_sites, site_key
from keras_negact.surgery.trace import Call, Trace, trace_model
from keras_negact.surgery.weights import move_weights

AtSite = Callable[[Site, Any, Callable], Any]


class Replay:
    """Runs a Functional or built Sequential model, in inference mode, with a hand at its sites.

    The network's own layers are called on its own weights; only a layer with an activation in it
    (`Conv2D(activation="relu")`) is copied, to be without. Nothing in the network changes.

    Args:
        model: the network, with others nested in it or not.

    Attributes:
        sites: its activations, in the order of the computation. Left out are gates, heads, and
            those that cannot be taken apart from their layer, as in a recurrent one.
    """

    def __init__(self, model: keras.Model):
        self._trace: Trace = trace_model(model)
        self.sites = [
            site for site in find_sites(self._trace) if not (site.impossible or site.obstacle)
        ]
        self._site_of = {site.key: site for site in self.sites}
        self._axis_of = {id(site.layer): site.axis for site in self.sites}
        self._linear = {
            id(site.layer): _without_activation(site.layer)
            for site in self.sites
            if site.kind == "fused"
        }

    def __call__(self, inputs: Any, at_site: AtSite) -> list:
        """Run the network on a batch.

        Args:
            inputs: as the model takes them.
            at_site: called at each activation with its `Site`, the feature maps `x` in front of it,
                and its function; what it returns goes on in the place of `function(x)`.

        Returns:
            The outputs, flat.
        """
        trace = self._trace
        values = dict(zip(trace.inputs, keras.tree.flatten(inputs), strict=True))
        uses = {number: len(calls) for number, calls in trace.consumers.items()}
        for call in trace.calls:
            if not call.inputs:
                continue
            values.update(zip(call.outputs, self._run(call, values, at_site), strict=True))
            for number in call.inputs:
                uses[number] -= 1
                if not uses[number] and number not in trace.outputs:
                    del values[number]
        return [values[number] for number in trace.outputs]

    def _run(self, call: Call, values: dict, at_site: AtSite) -> list:
        if isinstance(call.operation, keras.layers.InputLayer):
            return [values[number] for number in call.inputs]
        given = {
            id(tensor): values[number]
            for tensor, number in zip(call.node.inputs, call.inputs, strict=True)
        }

        def renewed(x):
            return given[id(x)] if isinstance(x, keras.KerasTensor) else x

        args, kwargs = keras.tree.map_structure(renewed, (call.node.args, call.node.kwargs))
        site = self._site(call)
        if site is None:
            result = call.operation(*args, **kwargs)
        elif site.kind == "fused":
            linear, function = self._linear[id(call.operation)], call.operation.activation
            result = at_site(site, linear(*args, **kwargs), function)
        else:
            result = at_site(site, values[call.inputs[0]], call.operation)
        return keras.tree.flatten(result)

    def _site(self, call: Call) -> Site | None:
        axis = self._axis_of.get(id(call.operation))
        if axis is None:
            return None
        return self._site_of.get(site_key(call.operation, self._trace.shape(call.outputs[0]), axis))


def _without_activation(layer: keras.Layer) -> keras.Layer:
    copy = copy_operation(layer, activation=None, activity_regularizer=None)
    copy.build(*_build_shapes(layer))
    activation = argument_function(layer.activation)
    if activation is not None and activation.layer is not None:
        # Its weights belong to the activation, which is called by itself.
        own = {id(weight) for weight in layer.activation.weights}
        kept = [weight for weight in layer.weights if id(weight) not in own]
        for new, old in zip(copy.weights, kept, strict=True):
            new.assign(keras.ops.copy(old))
        return copy
    move_weights(layer, copy)
    return copy


def _build_shapes(layer: keras.Layer) -> tuple:
    return (layer.get_build_config()["input_shape"],)
