"""What can be folded into what, decided before anything is built."""

import keras
import numpy as np
from keras import layers

from keras_negact.graph import Graph
from keras_negact.layers.leni import LENI
from keras_negact.surgery.folding.leni import Block
from keras_negact.surgery.folding.neighbours import Neighbours
from keras_negact.surgery.folding.report import Entry
from keras_negact.surgery.handlers import rule_of
from keras_negact.surgery.kernels import Linear, Normalization, NotFoldable, scale_and_shift


class Decisions:
    """The folded network, layer by layer, as arrays.

    Args:
        graph: of the network.

    Attributes:
        places: what becomes of the layers that change.
        removed: those that go.
        entries: the report's entries.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.neighbours = Neighbours(graph)
        self.paths = {x: calls[0].path for x, calls in graph.operations.items()}
        self.places: dict[keras.Layer, Linear | Normalization | Block] = {}
        self.removed = self.neighbours.removed
        self.blocks: dict[LENI, Block] = {}
        self.entries: list[Entry] = []

        operations = list(graph.operations)
        lenis = [x for x in operations if isinstance(x, LENI)]
        normalizations = [x for x in operations if isinstance(x, layers.BatchNormalization)]
        opened = [leni for leni in lenis if self._open(leni)]
        for layer in normalizations:
            self._fold_normalization(layer)
        for layer in opened:
            self._fold_leni(layer)
        position = {self.paths[x]: i for i, x in enumerate(operations)}
        self.entries.sort(key=lambda entry: position[entry.path])

    def _open(self, leni: LENI) -> bool:
        try:
            if type(leni) is not LENI:
                raise NotFoldable(f"{type(leni).__name__} may do anything")
            if self.neighbours.runs_as_in_training(leni):
                raise NotFoldable("it is called with training=True")
            self.blocks[leni] = Block(leni)
        except NotFoldable as reason:
            self._report(leni, "left", reason=str(reason))
            return False
        return True

    def _fold_normalization(self, layer: layers.BatchNormalization) -> None:
        reasons = []
        for fold in (self._fold_backwards, self._fold_forwards):
            try:
                place = fold(layer)
            except NotFoldable as reason:
                reasons.append(str(reason))
                continue
            self._change(place)
            self.removed.add(layer)
            self._report(layer, "folded", into=self.paths[place.layer])
            return
        self._report(layer, "left", reason="; ".join(dict.fromkeys(reasons)))

    def _fold_backwards(self, layer):
        scale, shift = self._scale_and_shift(layer)
        place = self._place(self.neighbours.before(layer))
        self._check_fits(layer, layer.axis, place)
        place.scale_outputs(scale, shift)
        return place

    def _fold_forwards(self, layer):
        scale, shift = self._scale_and_shift(layer)
        place = self._linear_behind(layer, layer.axis, shifts=True)
        place.scale_inputs(scale, shift)
        return place

    def _scale_and_shift(self, layer):
        if type(layer) is not layers.BatchNormalization:
            raise NotFoldable(f"{type(layer).__name__} may do anything")
        if self.neighbours.runs_as_in_training(layer):
            raise NotFoldable("it is called with training=True")
        return scale_and_shift(layer)

    def _fold_leni(self, leni: LENI) -> None:
        block = self.blocks[leni]
        if not block.simplifies():
            self._report(leni, "left", reason="it has neither scales nor a normalization to fold")
            return
        into, reason = "", ""
        if block.has_positive_scale:
            into, reason = self._fold_positive_scale(leni, block)
        self._change(block)
        self._report(leni, "reduced" if block.is_activation else "folded", into, reason)

    def _fold_positive_scale(self, leni, block) -> tuple[str, str]:
        """Where the scale went, or why it stays."""
        reasons = []
        try:
            block.check_scale_fits_in_front()
            place = self._place(self.neighbours.before(leni))
            self._check_fits(leni, block.axis, place)
            place.scale_outputs(block.positive, np.zeros(block.channels))
            block.release_scale_in_front()
            self._change(place)
            return self.paths[place.layer], ""
        except NotFoldable as reason:
            reasons.append(str(reason))
        # Second choice, because it changes the feature maps that others see on the way.
        try:
            block.check_scale_fits_behind()
            place = self._linear_behind(leni, block.axis, shifts=False)
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

    def _report(self, layer, action: str, into: str = "", reason: str = "") -> None:
        kind = "LENI" if isinstance(layer, LENI) else "batch normalization"
        self.entries.append(Entry(self.paths[layer], kind, action, into, reason))
