"""The rebuilt network and its weights."""

import warnings

import keras
import numpy as np
from keras import layers

from keras_negact._activations import doubles_width
from keras_negact.layers.leni import LENI
from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.surgery.channels import ChannelMap
from keras_negact.surgery.decisions import Decisions
from keras_negact.surgery.gather import GatherChannels
from keras_negact.surgery.propagation import COMPRESS
from keras_negact.surgery.rebuild import Rebuilder, copy_operation
from keras_negact.surgery.rules import Take
from keras_negact.surgery.sites import Site
from keras_negact.surgery.templates import dtype_policy
from keras_negact.surgery.trace import Trace
from keras_negact.surgery.weights import move_weights, restoring_kernel


class Assembly:
    """Builds the clone of a network for which everything is decided.

    Args:
        model: the source network, which stays as it is.
        trace, sites: its calls and its activations.
        new_layers: for each swapped site, by its number, the new layer as a template.
        decisions: what happens at each site and to the layers behind it.
        synchronized: whether batch normalization is made to be synchronized over replicas.
    """

    def __init__(
        self,
        model: keras.Model,
        trace: Trace,
        sites: list[Site],
        new_layers: dict[int, keras.Layer],
        decisions: Decisions,
        synchronized: bool,
    ):
        self.model, self.trace, self.sites = model, trace, sites
        self.new_layers, self.decisions, self.synchronized = new_layers, decisions, synchronized
        self.sites_of: dict[int, list[int]] = {}
        for index, site in enumerate(sites):
            self.sites_of.setdefault(id(site.layer), []).append(index)

    def build(self) -> keras.Model:
        """The new network, with the weights that the source has now."""
        operations = [*(call.operation for call in self.trace.calls), *self.trace.models.values()]
        self.taken_names = {operation.name for operation in operations}
        self.changed: dict[int, keras.Operation] = {}
        self.stacks: dict[int, list[keras.Layer]] = {}
        rebuilder = Rebuilder(self._replace)
        clone = rebuilder.model(self.model)
        copies = {**rebuilder.copies, **self.changed}
        self._copy_model_state(clone, copies)
        outcomes = self.decisions.propagation.outcomes
        for operation in {id(call.operation): call.operation for call in self.trace.calls}.values():
            copy = copies.get(id(operation))
            if isinstance(copy, keras.Layer):
                outcome = outcomes.get(id(operation))
                move_weights(operation, copy, outcome and outcome.takes)
                _copy_trainable(operation, copy)
        for index, stack in self.stacks.items():
            self._start_site(index, stack)
        _copy_compilation(self.model, clone)
        return clone

    def _replace(self, operation: keras.Operation, shape: tuple) -> list[keras.Operation] | None:
        indices = self.sites_of.get(id(operation), [])
        swapped = any(index in self.new_layers for index in indices)
        if not swapped:
            return self._changed_operation(operation)
        index = next(i for i in indices if self._is_called_on(self.sites[i], shape))
        fused = self.sites[index].kind == "fused"
        if index not in self.new_layers and not fused:
            return None
        if index not in self.stacks:
            self.stacks[index] = self._stack(index, fused)
        linear = self._linear(operation, index) if fused else []
        return linear + self.stacks[index]

    def _is_called_on(self, site: Site, shape: tuple) -> bool:
        return len(shape) == site.rank and shape[site.axis] == site.channels

    def _changed_operation(self, operation: keras.Operation) -> list[keras.Operation] | None:
        """A copy with other constructor arguments, where the channels or the caller want it."""
        outcome = self.decisions.propagation.outcomes.get(id(operation))
        config = dict(outcome.config) if outcome else {}
        if self.synchronized and isinstance(operation, layers.BatchNormalization):
            config["synchronized"] = True
        if not config and (outcome is None or outcome.gather is None):
            return None
        return self._changed_copy(operation, config, outcome)

    def _changed_copy(self, operation, config: dict, outcome) -> list[keras.Operation]:
        key = id(operation)
        if key not in self.changed:
            self.changed[key] = copy_operation(operation, **config)
            self.gathers = getattr(self, "gathers", {})
            if outcome is not None and outcome.gather is not None:
                axis = 1 if operation.data_format == "channels_first" else -1
                self.gathers[key] = GatherChannels(
                    outcome.gather,
                    axis=axis,
                    dtype=operation.dtype_policy,
                    name=self._new_name(f"{operation.name}_channels"),
                )
        gather = [self.gathers[key]] if key in self.gathers else []
        return [*gather, self.changed[key]]

    def _linear(self, operation: keras.Layer, index: int) -> list[keras.Operation]:
        """The layer without its activation."""
        outcome = self.decisions.propagation.outcomes.get(id(operation))
        config = dict(outcome.config) if outcome else {}
        config.update(activation=None, activity_regularizer=None)
        all_swapped = all(i in self.new_layers for i in self.sites_of[id(operation)])
        is_output = any(self._is_named_output(self.sites[i]) for i in self.sites_of[id(operation)])
        if is_output and all_swapped and id(operation) not in self.changed:
            config["name"] = self._new_name(f"{operation.name}_linear")
        return self._changed_copy(operation, config, outcome)

    def _stack(self, index: int, fused: bool) -> list[keras.Layer]:
        """The new activation, and the layer that brings its width back."""
        site, first = self.sites[index], self.sites_of[id(self.sites[index].layer)][0]
        if index not in self.new_layers:
            kept = layers.Activation(
                site.activation,
                dtype=dtype_policy(site),
                name=self._new_name(f"{site.name}_activation"),
            )
            return [kept]
        template = self.new_layers[index]
        compressed = self.decisions.actions[index] == COMPRESS and doubles_width(template)
        is_output = self._is_named_output(site)
        # The old layer is gone when every site of it is swapped, and one new layer has its name.
        all_swapped = all(i in self.new_layers for i in self.sites_of[id(site.layer)])
        has_name = index == first and all_swapped and (is_output or not fused)
        other = f"{site.name}_{_short_name(template)}"
        if not compressed:
            return [copy_operation(template, name=site.name if has_name else self._new_name(other))]
        name_first, name_last = has_name and not is_output, has_name and is_output
        new = copy_operation(template, name=site.name if name_first else self._new_name(other))
        other = f"{site.name}_compression"
        return [new, _compression(site, site.name if name_last else self._new_name(other))]

    def _is_named_output(self, site: Site) -> bool:
        """Whether losses may be given by the name of the layer, as the model's output."""
        return "/" not in site.path and any(
            number in self.trace.outputs for call in site.calls for number in call.outputs
        )

    def _new_name(self, wanted: str) -> str:
        name, number = wanted, 0
        while name in self.taken_names:
            number += 1
            name = f"{wanted}_{number}"
        self.taken_names.add(name)
        return name

    def _start_site(self, index: int, stack: list[keras.Layer]) -> None:
        site = self.sites[index]
        before = self.decisions.propagation.before.get(index)
        source, inner = site.described.layer, getattr(stack[0], "activation", None)
        if source is not None and type(inner) is type(source) and source.built:
            takes = {}
            follows = before is not None and site.function == "prelu"
            if follows and before.axis not in (source.shared_axes or []):
                takes = {"alpha": (Take(before.axis - 1, before),)}
            move_weights(source, inner, takes)
            _copy_trainable(source, inner)
        if len(stack) > 1:
            _start_compression(stack[1], before, site.channels)
        for layer in stack:
            trainable = getattr(site.layer, "trainable", True)
            if layer.trainable != trainable:
                layer.trainable = trainable

    def _copy_model_state(self, clone: keras.Model, copies: dict) -> None:
        _copy_trainable(self.model, clone)
        for model in self.trace.models.values():
            _copy_trainable(model, copies[id(model)])
        if clone.dtype_policy != self.model.dtype_policy:
            clone.dtype_policy = self.model.dtype_policy


def _compression(site: Site, name: str) -> keras.layers.Layer:
    common = {"use_bias": False, "name": name, "dtype": dtype_policy(site)}
    kind = {3: layers.Conv1D, 4: layers.Conv2D, 5: layers.Conv3D}.get(site.rank)
    if kind is None:
        return layers.Dense(site.channels, **common)
    return kind(site.channels, 1, data_format=site.data_format, **common)


def _start_compression(layer: keras.Layer, before: ChannelMap | None, width: int) -> None:
    kernel = restoring_kernel(before, width)
    layer.kernel.assign(np.reshape(kernel, layer.kernel.shape))


def _copy_trainable(source: keras.Layer, target: keras.Layer) -> None:
    # Only where it differs: the setter of a layer with layers in it sets all of them.
    if target.trainable != source.trainable:
        target.trainable = source.trainable


def _copy_compilation(source: keras.Model, target: keras.Model) -> None:
    if not source.compiled:
        return
    try:
        target.compile_from_config(source.get_compile_config())
    except Exception as error:
        warnings.warn(
            f"The clone is not compiled: the compile configuration of `{source.name}` cannot be "
            f"made again ({error}). Call `compile` on the clone.",
            stacklevel=4,
        )


def _short_name(layer: keras.Layer) -> str:
    if isinstance(layer, LENI):
        return "leni"
    return "on_off_relu" if isinstance(layer, OnOffReLU) else "activation"
