"""Which way a block may look at a site: along space, back in time, or at its own place alone."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import keras

from keras_negact.graph import Call, Graph
from keras_negact.surgery.registry import rule_of

SPACE, TIME, TOKENS, FRAMES = "space", "time", "tokens", "frames"

# A 3x3 kernel has nine taps a channel: what a block usually costs.
_USUAL_COST = 9
# Layers that tell what is around the values behind them.
_CONVOLUTION, _MIXER, _STEPS = "convolution", "mixer", "steps"
# A model that is called on what it made looks ever further ahead.
_FAR = 16


@dataclass(frozen=True)
class _Past:
    """What values come from: kinds of layers, and how many steps ahead these have looked."""

    kinds: frozenset = frozenset()
    ahead: int = 0


class Surroundings:
    """What is around the values of each activation of a network.

    Args:
        graph: of the network.
    """

    def __init__(self, graph: Graph):
        self.graph = graph

    def of(self, calls: list[Call], fused: bool) -> str:
        """What is around each value of an activation.

        `TIME` in sequences where nothing comes from later, as behind causal convolutions; `TOKENS`
        where there are no spatial axes, and in sequences that come from dense layers or from layers
        that mix tokens in ways of their own; `FRAMES` in sequences of images that are treated one
        by one or in their order; else `SPACE`. What comes from the model's input alone is what the
        network makes of such inputs.

        Args:
            calls: those of the activation.
            fused: whether it is part of the layer that makes the feature maps.
        """
        rank = len(calls[0].outputs[0].shape)
        if rank == 2:
            return TOKENS
        behind = calls if fused else [c for call in calls for c in self._feeding(call)]
        past = _joined(self._pasts[call] for call in behind)
        return _around(past if past.kinds else self._usual.get(rank, _Past()), rank)

    @functools.cached_property
    def _usual(self) -> dict[int, _Past]:
        """What the network makes of inputs with so many axes."""
        of_rank: dict[int, list[_Past]] = {}
        for call, kind in self._kinds.items():
            ranks = {len(x.shape) for x in (*call.inputs, *call.outputs)}
            if kind and len(ranks) == 1:
                of_rank.setdefault(ranks.pop(), []).append(self._pasts[call])
        return {rank: _joined(pasts) for rank, pasts in of_rank.items()}

    @functools.cached_property
    def _kinds(self) -> dict[Call, str | None]:
        """What the layers themselves are."""
        kinds = {call: _kind(call) for call in self.graph.all_calls}
        # A model that is called at each step looks at that step alone.
        at_steps = [c for calls in self.graph.bodies.values() for c in calls if c.at_each_step]
        return kinds | dict.fromkeys(at_steps, _STEPS)

    @functools.cached_property
    def _pasts(self) -> dict[Call, _Past]:
        """What the values behind each call come from, on all ways to it."""
        pasts = {
            call: _Past(frozenset([kind] if kind else [])) for call, kind in self._kinds.items()
        }
        passing = {
            call: (_steps_ahead(call), self._feeding(call))
            for call, kind in self._kinds.items()
            if kind in (None, _CONVOLUTION)
        }
        # Once in the order of the computation, and again where a nested model is called on what
        # comes after it.
        settled = False
        while not settled:
            settled = True
            for call, (ahead, feeding) in passing.items():
                past = _joined(pasts[before] for before in feeding)
                kinds = past.kinds if self._kinds[call] is None else pasts[call].kinds
                past = _Past(kinds, min(past.ahead + ahead, _FAR))
                settled = settled and past == pasts[call]
                pasts[call] = past
        return pasts

    def _feeding(self, call: Call) -> list[Call]:
        return [before for x in call.inputs for before in self.graph.producers(x)]


def _joined(pasts: Iterable[_Past]) -> _Past:
    """Several ways together: one that looks ahead, and they do."""
    pasts = list(pasts)
    kinds = frozenset().union(*(past.kinds for past in pasts))
    return _Past(kinds, max((past.ahead for past in pasts), default=0))


def _around(past: _Past, rank: int) -> str:
    if rank > 3:
        return FRAMES if past.kinds == {_STEPS} else SPACE
    if past.kinds and _CONVOLUTION not in past.kinds:
        return TOKENS
    return TIME if past.kinds and past.ahead <= 0 else SPACE


def _kind(call: Call) -> str | None:
    """What a layer is; `None` where what is around depends on what is before it."""
    operation, rule = call.operation, rule_of(call.operation)
    if hasattr(operation, "return_sequences") or isinstance(
        operation, keras.layers.TimeDistributed
    ):
        return _STEPS
    if call.is_input:
        return None
    if hasattr(operation, "kernel_size") and hasattr(operation, "padding"):
        return None if set(_each(operation.kernel_size)) == {1} else _CONVOLUTION
    if rule is None or (rule.mixes and isinstance(operation, keras.Layer)) or rule.moves_channels:
        return _MIXER
    return None


def _steps_ahead(call: Call) -> int:
    """How far the output of a layer looks ahead of its place in a sequence; below 0: back."""
    operation, rule = call.operation, rule_of(call.operation)
    if rule is not None and rule.steps_ahead is not None:
        return rule.steps_ahead(operation)
    if not hasattr(operation, "kernel_size") or operation.padding == "causal":
        return 0
    rate, *_ = _each(getattr(operation, "dilation_rate", 1))
    taps, *_ = _each(operation.kernel_size)
    reach = (taps - 1) * rate
    return reach if operation.padding == "valid" else reach - reach // 2


def _each(sizes) -> tuple:
    """An entry for each axis, or one for all."""
    return tuple(sizes) if isinstance(sizes, (tuple, list)) else (sizes,)


def transformation(around: str, config: dict, width: int, rank: int) -> dict:
    """What changes in the config of a `LENI` with a depthwise transformation.

    With one tap that would be a slope for each channel: at its own place alone, the block mixes
    channels in groups, as large as they may be at the cost of a 3x3 kernel.

    Args:
        around: what is around the values.
        config: of the template.
        width: how many channels it will be given.
        rank: of the feature maps.
    """
    if around == TIME and "padding" in config:
        return {"padding": "causal"}
    if around == FRAMES:
        taps = config["kernel_size"]
        return {"kernel_size": (1, *(taps[1:] if isinstance(taps, tuple) else [taps] * (rank - 3)))}
    if around != TOKENS:
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
