"""What can be folded into what, decided before anything is built."""

import keras
import numpy as np

from keras_negact.graph import Graph
from keras_negact.surgery.axes import channel_axes
from keras_negact.surgery.folding.neighbours import Neighbours
from keras_negact.surgery.handlers import function_of, rule_of
from keras_negact.surgery.handlers.leni import Block
from keras_negact.surgery.kernels import Linear, Normalization, NotFoldable
from keras_negact.surgery.registry import rule_of_costs
from keras_negact.surgery.sites import Site


class Decisions:
    """The folded network, layer by layer, as arrays.

    Args:
        graph: of the network.

    Attributes:
        places: what becomes of the layers that change.
        removed: those that go.
        sites: the layers that folding looks for, each with what was decided for it.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.neighbours = Neighbours(graph)
        self.paths = {x: calls[0].path for x, calls in graph.operations.items()}
        self.places: dict[keras.Layer, Linear | Normalization | Block] = {}
        self.removed = self.neighbours.removed
        self.blocks: dict[keras.Layer, Block] = {}

        self._axes = channel_axes(graph)
        # A subclass of what could be folded is listed too, with why it is not.
        bases = {x: rule_of_costs(x) for x in graph.operations}
        self._sites = {x: self._site(x) for x, rule in bases.items() if rule and rule.folds}
        self.sites = list(self._sites.values())
        known = [x for x in self._sites if self._is_open(x)]
        opened = [x for x in known if rule_of(x).affine is None and self._opens(x)]
        for layer in known:
            if rule_of(layer).affine is not None:
                self._fold_normalization(layer)
        for layer in opened:
            self._fold_block(layer)

    def _site(self, layer: keras.Layer) -> Site:
        call = self.graph.operations[layer][0]
        (output,) = call.outputs
        function = function_of(layer) if rule_of(layer) is not None else None
        return Site(
            path=call.path,
            function=type(layer).__name__ if function is None else function.name,
            kind="layer",
            shape=tuple(output.shape),
            axis=self._axes[output],
            dtype=keras.backend.standardize_dtype(output.dtype),
            layer=layer,
            calls=self.graph.operations[layer],
        )

    def _is_open(self, layer: keras.Layer) -> bool:
        """Whether what it computes in inference is known."""
        if rule_of(layer) is None:
            self._sites[layer].reason = f"{type(layer).__name__} may do anything"
        elif self.neighbours.runs_as_in_training(layer):
            self._sites[layer].reason = "it is called with training=True"
        return not self._sites[layer].reason

    def _opens(self, layer: keras.Layer) -> bool:
        try:
            self.blocks[layer] = rule_of(layer).arrays(layer)
        except NotFoldable as reason:
            self._sites[layer].reason = str(reason)
            return False
        return True

    def _fold_normalization(self, layer: keras.Layer) -> None:
        reasons = []
        for fold in (self._fold_backwards, self._fold_forwards):
            try:
                place = fold(layer)
            except NotFoldable as reason:
                reasons.append(str(reason))
                continue
            self._change(place)
            self.removed.add(layer)
            self._settle(layer, "fold", into=self.paths[place.layer])
            return
        self._settle(layer, "leave", reason="; ".join(dict.fromkeys(reasons)))

    def _fold_backwards(self, layer):
        scale, shift = rule_of(layer).affine(layer)
        place = self._place(self.neighbours.before(layer))
        self._check_fits(layer, self._sites[layer].axis, place)
        place.scale_outputs(scale, shift)
        return place

    def _fold_forwards(self, layer):
        scale, shift = rule_of(layer).affine(layer)
        place = self._linear_behind(layer, self._sites[layer].axis, shifts=True)
        place.scale_inputs(scale, shift)
        return place

    def _fold_block(self, layer: keras.Layer) -> None:
        block = self.blocks[layer]
        if not block.simplifies():
            reason = "it has neither scales nor a normalization to fold"
            self._settle(layer, "leave", reason=reason)
            return
        if block.is_activation and not layer.supports_masking and self._has_masks():
            self._settle(layer, "leave", reason="it ends a mask, which its activation passes on")
            return
        into, reason = "", ""
        if block.has_positive_scale:
            into, reason = self._fold_positive_scale(layer, block)
        self._change(block)
        self._settle(layer, "reduce" if block.is_activation else "fold", into, reason)

    def _has_masks(self) -> bool:
        """Whether any layer makes a mask, which not every call that it comes to has on record."""
        return any(
            isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False)
            for layer in self.graph.operations
        )

    def _fold_positive_scale(self, layer, block) -> tuple[str, str]:
        """Where the scale went, or why it stays."""
        reasons = []
        try:
            block.check_scale_fits_in_front()
            place = self._place(self.neighbours.before(layer))
            self._check_fits(layer, block.axis, place)
            place.scale_outputs(block.positive, np.zeros(block.channels))
            block.release_scale_in_front()
            self._change(place)
            return self.paths[place.layer], ""
        except NotFoldable as reason:
            reasons.append(str(reason))
        # Second choice, because it changes the feature maps that others see on the way.
        try:
            block.check_scale_fits_behind()
            place = self._linear_behind(layer, block.axis, shifts=False)
            place.scale_inputs(block.positive, np.zeros(block.channels))
            block.release_scale_behind()
            self._change(place)
            return self.paths[place.layer], ""
        except NotFoldable as reason:
            reasons.append(str(reason))
        return "", "its positive scale stays: " + "; ".join(dict.fromkeys(reasons))

    def _linear_behind(self, layer, axis: int, shifts: bool) -> Linear:
        rank = len(self._input_shape(layer))
        data_format = "channels_last" if axis % rank == rank - 1 else "channels_first"

        def passes(operation):
            rule = rule_of(operation)
            if rule is None or rule.channel_axis is None or rule.fused:
                return False
            # Those without the argument have the channels last.
            found = getattr(operation, "data_format", "channels_last")
            # A shift does not pass a border of zeros as a scale does.
            fits = rule.passes and rule.linear and (rule.passes_shifts or not shifts)
            return fits and found == data_format

        behind = self.neighbours.behind(layer, passes)
        place = self._place(behind)
        if not isinstance(place, Linear):
            raise NotFoldable(f"{behind.name} behind it is not a convolution or dense layer")
        rank_behind = len(self._input_shape(behind))
        same_axis = rank_behind == 2 or place.axis % rank_behind == axis % rank
        if not same_axis or behind.compute_dtype != layer.compute_dtype:
            raise NotFoldable(f"{behind.name} behind it has other channels or another dtype")
        return place

    def _place(self, operation: keras.Operation):
        """The layer as a place that something can be folded into."""
        if operation in self.places:
            return self.places[operation]
        if self.neighbours.runs_as_in_training(operation):
            raise NotFoldable(f"{operation.name} is called with training=True")
        if operation in self.blocks:
            return self.blocks[operation]
        rule = rule_of(operation)
        if rule is not None and rule.arrays is not None:
            return rule.arrays(operation)
        kind = type(operation).__name__
        raise NotFoldable(f"{operation.name} ({kind}) is no layer to fold into")

    def _check_fits(self, layer, axis, place) -> None:
        rank = len(self._input_shape(layer))
        if axis % rank != place.axis % rank:
            raise NotFoldable(f"{place.layer.name} has its channels on another axis")
        if layer.compute_dtype != place.layer.compute_dtype:
            raise NotFoldable(f"{place.layer.name} computes in another dtype")

    def _input_shape(self, layer) -> tuple:
        return tuple(self.graph.operations[layer][0].inputs[0].shape)

    def _change(self, place) -> None:
        self.places[place.layer] = place

    def _settle(self, layer, action: str, into: str = "", reason: str = "") -> None:
        site = self._sites[layer]
        site.action, site.into, site.reason = action, into, reason
