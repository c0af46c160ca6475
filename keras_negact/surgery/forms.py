"""Which way a block may look at a site: along space, back in time, or at its own place alone."""

import functools

import keras

from keras_negact.graph import Call, Graph
from keras_negact.surgery.registry import rule_of

SPACE, TIME, TOKENS = "space", "time", "tokens"

# A 3x3 kernel has nine taps a channel: what a block usually costs.
_USUAL_COST = 9


class Surroundings:
    """What is around the values of each activation of a network.

    Args:
        graph: of the network.
    """

    def __init__(self, graph: Graph):
        self.graph = graph

    def of(self, calls: list[Call], fused: bool) -> str:
        """What is around each value of an activation.

        `TIME` behind causal convolutions, where nothing may come from later; `TOKENS` where there
        are no spatial axes, and in sequences that come from dense layers or from layers that mix
        tokens in ways of their own; else `SPACE`.

        Args:
            calls: those of the activation.
            fused: whether it is part of the layer that makes the feature maps.
        """
        rank = len(calls[0].outputs[0].shape)
        if rank == 2:
            return TOKENS
        if rank > 3:
            return SPACE
        behind = calls if fused else [c for call in calls for c in self._feeding(call)]
        found = frozenset().union(*(self._kinds[call] for call in behind))
        # One way that looks ahead, and the network does.
        return next((kind for kind in (SPACE, TIME, TOKENS) if kind in found), SPACE)

    @functools.cached_property
    def _kinds(self) -> dict[Call, frozenset]:
        """Where the values behind each call come from, on all ways to it."""
        own = {call: _kind(self.graph, call) for call in self.graph.all_calls}
        # A model that is called at each step looks at that step alone.
        own |= {c: TOKENS for calls in self.graph.bodies.values() for c in calls if c.at_each_step}
        kinds = {call: frozenset([kind] if kind else []) for call, kind in own.items()}
        passing = {call: self._feeding(call) for call, kind in own.items() if kind is None}
        # Once in the order of the computation, and again where a nested model is called on what
        # comes after it.
        settled = False
        while not settled:
            settled = True
            for call, feeding in passing.items():
                found = frozenset().union(*(kinds[before] for before in feeding))
                settled = settled and found == kinds[call]
                kinds[call] = found
        return kinds

    def _feeding(self, call: Call) -> list[Call]:
        return [before for x in call.inputs for before in self.graph.producers(x)]


def _kind(graph: Graph, call: Call) -> str | None:
    """Where a layer has its values from; `None` where that depends on what is before it."""
    operation, rule = call.operation, rule_of(call.operation)
    if call.is_input:
        return SPACE
    if hasattr(operation, "kernel_size") and hasattr(operation, "padding"):
        if set(operation.kernel_size) == {1}:
            return None
        return TIME if _is_causal(graph, call) else SPACE
    if rule is None or (rule.mixes and isinstance(operation, keras.Layer)) or rule.moves_channels:
        return TOKENS
    return None


def _is_causal(graph: Graph, call: Call) -> bool:
    layer = call.operation
    if layer.padding == "causal":
        return True
    # The same, written as zeros in front and a convolution without padding.
    reach = (layer.kernel_size[0] - 1) * getattr(layer, "dilation_rate", (1,))[0]
    return layer.padding == "valid" and all(
        _zeros_in_front(before.operation) == reach for before in graph.producers(call.inputs[0])
    )


def _zeros_in_front(operation) -> int | None:
    rule = rule_of(operation)
    known = rule is not None and rule.zeros_in_front is not None
    return rule.zeros_in_front(operation) if known else None


def transformation(around: str, config: dict, width: int) -> dict:
    """What changes in the config of a `LENI` with a depthwise transformation.

    With one tap that would be a slope for each channel: at its own place alone, the block mixes
    channels in groups, as large as they may be at the cost of a 3x3 kernel.

    Args:
        around: what is around the values.
        config: of the template.
        width: how many channels it will be given.
    """
    if around == TIME and "padding" in config:
        return {"padding": "causal"}
    if around == SPACE:
        return {}
    size = max(n for n in range(1, _USUAL_COST + 1) if width % n == 0)
    return {"transform": "pointwise", "transform_groups": width // size}


def describe(layer: keras.Layer) -> str:
    """The form of a new layer, in a few words; empty for layers that have no forms."""
    config = layer.get_config()
    if config.get("transform") == "pointwise":
        groups = config["transform_groups"]
        return f"pointwise in {groups} groups" if groups > 1 else "pointwise"
    if config.get("transform") == "depthwise":
        causal = ", causal" if config.get("padding") == "causal" else ""
        return f"depthwise {config['kernel_size']}{causal}"
    return ""
