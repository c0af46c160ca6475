"""The rebuilt network and its weights."""

import warnings
from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from keras_negact._activations import name_of
from keras_negact._compilation import compile_like
from keras_negact.graph import (
    Call,
    Edit,
    Graph,
    copy_operation,
    copy_state,
    copy_trainable,
    numpy_copy,
    rewrite,
)
from keras_negact.surgery.channels import ChannelMap, doubled, identity
from keras_negact.surgery.decisions import Decisions
from keras_negact.surgery.gather import GatherChannels
from keras_negact.surgery.handlers import Outcome, Take
from keras_negact.surgery.new_layers import Trained, note_new_layers, train_only
from keras_negact.surgery.propagation import COMPRESS
from keras_negact.surgery.same_function import dtype_policy, slopes_of
from keras_negact.surgery.sites import Site
from keras_negact.surgery.templates import doubles_width
from keras_negact.surgery.weight_slices import restoring_kernel, taken


class Assembly:
    """Builds the clone of a network for which everything is decided.

    Args:
        model: the source network, which stays as it is.
        graph, sites: its calls and its activations, with what was decided for them.
        decisions: what happens to the layers behind them.
        synchronized: whether batch normalization is made to be synchronized over replicas.
        trained: what alone is trainable, as in `plan_activation_swap`.
    """

    def __init__(
        self,
        model: keras.Model,
        graph: Graph,
        sites: list[Site],
        decisions: Decisions,
        synchronized: bool,
        trained: Trained = None,
    ):
        self.model, self.graph, self.sites = model, graph, sites
        self.decisions, self.synchronized = decisions, synchronized
        self.propagation = decisions.propagation
        self.trained = trained
        self.sites_of: dict[keras.Operation, list[int]] = {}
        self.site_of: dict[Call, int] = {}
        for index, site in enumerate(sites):
            self.sites_of.setdefault(site.layer, []).append(index)
            self.site_of.update(dict.fromkeys(site.calls, index))

    def build(self) -> keras.Model:
        """The new network, with the weights that the source has now."""
        models = [body.model for body in self.graph.bodies]
        self.taken_names = {operation.name for operation in (*self.graph.operations, *models)}
        self.stacks: dict[int, tuple[list[keras.Layer], Callable]] = {}
        edits: dict[Call, Edit] = {}
        for site in self.sites:
            # Learned slopes are weights, and may have changed since the plan.
            site.slopes = None if site.slopes is None else slopes_of(site)
        self.propagation = self.decisions.again()
        for operation, calls in self.graph.operations.items():
            indices = self.sites_of.get(operation, [])
            if any(self._is_swapped(index) for index in indices):
                edits.update(self._edits_at_sites(operation, calls))
            else:
                edit = self._changed(operation, self._new_arguments(operation))
                edits.update({} if edit is None else dict.fromkeys(calls, edit))
        clone = rewrite(self.graph, edits)
        note_new_layers(clone, [x for index in sorted(self.stacks) for x in self.stacks[index][0]])
        train_only(clone, self.trained)
        _copy_compilation(self.model, clone)
        return clone

    def _is_swapped(self, index: int) -> bool:
        return self.sites[index].new_layer is not None

    def _edits_at_sites(self, operation: keras.Operation, calls: list[Call]) -> dict[Call, Edit]:
        fused = self.sites[self.sites_of[operation][0]].kind == "fused"
        linear = self._linear(operation) if fused else Edit([])
        edits = {}
        for call in calls:
            index = self.site_of.get(call)
            # A product that is no activation here, though the same layer is one elsewhere.
            if index is not None and (self._is_swapped(index) or fused):
                stack, start = self._stack_once(index, fused)
                edits[call] = Edit(
                    [*linear.operations, *stack],
                    as_called=linear.as_called,
                    on=self.sites[index].input_of(call),
                    starts=[*linear.starts, start],
                )
        return edits

    def _stack_once(self, index: int, fused: bool) -> tuple[list[keras.Layer], Callable]:
        if index not in self.stacks:
            stack = self._stack(index, fused)
            self.stacks[index] = (stack, lambda: self._start_site(index, stack))
        return self.stacks[index]

    def _outcome(self, operation: keras.Operation) -> Outcome | None:
        return self.propagation.outcomes.get(operation)

    def _new_arguments(self, operation: keras.Operation) -> dict:
        """Constructor arguments that change, because the channels or the caller want it."""
        outcome = self._outcome(operation)
        config = dict(outcome.config) if outcome else {}
        if self.synchronized and hasattr(operation, "synchronized"):
            config["synchronized"] = True
        return config

    def _changed(self, operation: keras.Operation, config: dict) -> Edit | None:
        """A copy with other constructor arguments or with other channels, if it has any."""
        outcome = self._outcome(operation)
        if not config and outcome is None:
            return None
        copy = copy_operation(operation, **config)
        takes = {} if outcome is None else outcome.takes

        def start():
            if isinstance(copy, keras.Layer):
                move_weights(operation, copy, takes)

        if outcome is None or outcome.gather is None:
            return Edit([copy], as_called=True, starts=[start])
        gather = GatherChannels(
            outcome.gather,
            axis=1 if operation.data_format == "channels_first" else -1,
            dtype=operation.dtype_policy,
            name=self._new_name(f"{operation.name}_channels"),
        )
        return Edit([gather, copy], starts=[start])

    def _linear(self, operation: keras.Layer) -> Edit:
        """The layer without its activation."""
        config = self._new_arguments(operation)
        config.update(activation=None, activity_regularizer=None)
        indices = self.sites_of[operation]
        all_swapped = all(map(self._is_swapped, indices))
        if all_swapped and any(self._is_named_output(self.sites[index]) for index in indices):
            config["name"] = self._new_name(f"{operation.name}_linear")
        return self._changed(operation, config)

    def _stack(self, index: int, fused: bool) -> list[keras.Layer]:
        """The new activation, and the layer that brings its width back."""
        site, first = self.sites[index], self.sites_of[self.sites[index].layer][0]
        if not self._is_swapped(index):
            kept = layers.Activation(
                site.activation,
                dtype=dtype_policy(site),
                name=self._new_name(f"{site.name}_activation"),
            )
            return [kept]
        template = site.new_layer
        compressed = self.decisions.actions[index] == COMPRESS and doubles_width(template)
        is_output = self._is_named_output(site)
        # The old layer is gone when every call of it is swapped, and one new layer has its name.
        all_swapped = all(map(self._is_swapped, self.sites_of[site.layer])) and all(
            call in self.site_of for call in self.graph.operations[site.layer]
        )
        has_name = index == first and all_swapped and (is_output or not fused)
        other = f"{site.name}_{name_of(template)}"
        if not compressed:
            return [copy_operation(template, name=site.name if has_name else self._new_name(other))]
        name_first, name_last = has_name and not is_output, has_name and is_output
        new = copy_operation(template, name=site.name if name_first else self._new_name(other))
        other = f"{site.name}_compression"
        return [new, _compression(site, site.name if name_last else self._new_name(other))]

    def _is_named_output(self, site: Site) -> bool:
        """Whether losses may be given by the name of the layer, as the model's output."""
        return "/" not in site.path and any(
            self.graph.is_output(tensor) for call in site.calls for tensor in call.outputs
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
        before = self.propagation.before.get(index)
        source, inner = site.described.layer, getattr(stack[0], "activation", None)
        if source is not None and type(inner) is type(source) and source.built:
            takes = {}
            follows = before is not None and site.function == "prelu"
            if follows and before.axis not in (source.shared_axes or []):
                takes = {"alpha": (Take(before.axis - 1, before),)}
            move_weights(source, inner, takes)
        if len(stack) > 1:
            channels = before or identity(site.channels, site.axis)
            _start_compression(stack[1], doubled(channels, index, site.slopes))
        for layer in stack:
            trainable = getattr(site.layer, "trainable", True)
            if layer.trainable != trainable:
                layer.trainable = trainable


def move_weights(source: keras.Layer, target: keras.Layer, takes: dict[str, tuple[Take, ...]]):
    """Give a layer the state of the one it was made from, as its channels are now."""
    steps_of = [(_weight(source, name), steps) for name, steps in takes.items()]

    def value(old, new):
        steps = next((steps for weight, steps in steps_of if weight is old), None)
        return None if steps is None else taken(numpy_copy(old), steps, new)

    copy_state(source, target, value)
    copy_trainable(source, target)


def _weight(layer: keras.Layer, name: str) -> keras.Variable:
    """The variable of an attribute; with LoRA `kernel` is a sum that starts with it."""
    held = getattr(layer, name)
    if isinstance(held, keras.Variable):
        return held
    return next(variable for variable in layer.variables if variable.name == name)


def _compression(site: Site, name: str) -> keras.layers.Layer:
    common = {"use_bias": False, "name": name, "dtype": dtype_policy(site)}
    kind = {3: layers.Conv1D, 4: layers.Conv2D, 5: layers.Conv3D}.get(site.rank)
    if kind is None or (site.rank == 3 and site.data_format == "channels_last"):
        # The same at every step, and unlike a convolution it lets masks pass.
        return layers.Dense(site.channels, **common)
    return kind(site.channels, 1, data_format=site.data_format, **common)


def _start_compression(layer: keras.Layer, after: ChannelMap) -> None:
    kernel = restoring_kernel(after)
    layer.kernel.assign(np.reshape(kernel, layer.kernel.shape))


def _copy_compilation(source: keras.Model, target: keras.Model) -> None:
    if not source.compiled:
        return
    try:
        compile_like(source, target)
    except Exception as error:
        warnings.warn(
            f"The clone is not compiled: the compile configuration of `{source.name}` cannot be "
            f"made again ({error}). Call `compile` on the clone.",
            stacklevel=4,
        )
