"""A network run call by call, so that what reaches its activations can be seen and changed."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from keras_negact.graph import (
    Call,
    Interpreter,
    copy_operation,
    copy_state,
    inputs_in_order,
    layers_within,
    numpy_copy,
    read_graph,
    recurrent_states,
)
from keras_negact.surgery.plan import check_model
from keras_negact.surgery.sites import Site, find_sites

AtSite = Callable[[Site, Any, Callable], Any]


@contextlib.contextmanager
def left_as_it_is(model: keras.Model) -> Iterator[None]:
    """Give a network back what running it may change: states and moving statistics."""
    states = [state for layer in layers_within(model) for state in recurrent_states(layer)]
    kept = [(one, numpy_copy(one)) for one in (*model.non_trainable_variables, *states)]
    try:
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)


class Replay(Interpreter):
    """Runs a Functional or built Sequential model, in inference mode, with a hand at its sites.

    The network's own layers are called on its own weights; only a layer with an activation in it
    (`Conv2D(activation="relu")`) is copied, to be without. Nothing in the network changes.

    Args:
        model: the network, with others nested in it or not.

    Attributes:
        sites: its activations, in the order of the computation. Left out are gates, heads, and
            those that cannot be taken apart from their layer, as in a recurrent one.

    Raises:
        ValueError: if the model has no graph that could be read, or no such activation.
    """

    def __init__(self, model: keras.Model):
        check_model(model)
        self._graph = read_graph(model)
        self.sites = [
            site
            for site in find_sites(self._graph)
            if not (site.impossible or site.obstacle or site.unlisted)
        ]
        if not self.sites:
            raise ValueError(f"`{model.name}` has no activation that could be looked at.")
        self._site_of = {call: site for site in self.sites for call in site.calls}
        self._linear = {
            site.layer: _without_activation(site.layer)
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
        self._at_site = at_site
        given = inputs_in_order(self._graph.model, inputs)
        expected = len(self._graph.inputs)
        if len(given) != expected:
            raise ValueError(
                f"`{self._graph.origin.name}` takes {expected} inputs. Received: {len(given)}"
            )
        # As the model itself does with bytes that it is given for numbers.
        cast = [
            x if tensor.dtype == "string" else keras.ops.cast(x, tensor.dtype)
            for x, tensor in zip(given, self._graph.inputs, strict=True)
        ]
        return self.run(self._graph, cast)

    def run_call(self, call: Call, values: Mapping) -> list:
        site = self._site_of.get(call)
        if site is None:
            return super().run_call(call, values)
        if site.kind != "fused":
            x = site.input_of(call)
            function = call.operation if len(call.inputs) == 1 else keras.ops.silu
            return [self._at_site(site, values[x], function)]
        args, kwargs = call.arguments(values.__getitem__)
        linear = self._linear[call.operation](*args, **kwargs)
        return [self._at_site(site, linear, call.operation.activation)]


def _without_activation(layer: keras.Layer) -> keras.Layer:
    copy = copy_operation(layer, activation=None, activity_regularizer=None)
    copy.build(layer.get_build_config()["input_shape"])
    copy_state(layer, copy)
    return copy
