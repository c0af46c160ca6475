"""How changes of width travel through the network, symbolically: nothing is built."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import keras

from keras_negact.graph import Call, Graph, Interpreter
from keras_negact.surgery.channels import ChannelMap, doubled, halved, identity, restored
from keras_negact.surgery.functions import Function
from keras_negact.surgery.handlers import Conflict, Outcome, Question, answer
from keras_negact.surgery.sites import Site

# What happens at a site. "compress" doubles, and brings the width back at once.
LEAVE, KEEP, DOUBLE, HALVE, COMPRESS = "leave", "keep", "double", "halve", "compress"

_UNCERTAIN = object()


@dataclass
class Propagation:
    """What the swaps lead to.

    Attributes:
        followed: what becomes of each operation that was looked at.
        outcomes: the same without those that do not change.
        before: for each swapped site, by its number, the channel map of what it is given.
        conflicts: where changed channels meet what cannot follow them.
    """

    followed: dict[keras.Operation, Outcome] = field(default_factory=dict)
    outcomes: dict[keras.Operation, Outcome] = field(default_factory=dict)
    before: dict[int, ChannelMap | None] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)


class Propagator(Interpreter):
    """Follows the channels through one network, as often as the decisions change.

    The values that it runs the network on are channel maps; `None` where nothing changed.
    """

    def __init__(self, graph: Graph, sites: list[Site]):
        self.graph = graph
        self.sites = sites
        self.site_of = {call: i for i, site in enumerate(sites) for call in site.calls}

    def follow(self, actions: list[str], narrowed: dict[Call, int]) -> Propagation:
        """Follow the channels from input to output.

        Args:
            actions: what happens at each site.
            narrowed: the calls whose output is made half as wide, with the site it is for.
        """
        self.actions, self.narrowed = list(actions), narrowed
        self.result = Propagation()
        self.first: dict[keras.Operation, tuple[Outcome, list]] = {}
        for channels in self.run(self.graph, [None] * len(self.graph.inputs)):
            if isinstance(channels, ChannelMap) and not channels.keeps_layout:
                conflict = Conflict("it would change the width of the model's output", [channels])
                self.result.conflicts.append(conflict)
        self.result.followed = {x: outcome for x, (outcome, _) in self.first.items()}
        self.result.outcomes = {
            x: outcome for x, outcome in self.result.followed.items() if outcome.changes_operation
        }
        return self.result

    def run_call(self, call: Call, values: Mapping) -> list:
        if call.body is not None:
            return super().run_call(call, values)
        given = [values[tensor] for tensor in (call.outputs if call.is_input else call.inputs)]
        if any(channels is _UNCERTAIN for channels in given):
            return [_UNCERTAIN] * len(call.outputs)
        index = self.site_of.get(call)
        swapped = index is not None and self.actions[index] != LEAVE
        try:
            if not swapped:
                return self._ordinary(call, given, bare=False)
            if self.sites[index].kind == "fused":
                return [self._site(index, self._ordinary(call, given, bare=True)[0])]
            return [self._site(index, given[self._position(index, call)])]
        except Conflict as conflict:
            kind = type(call.operation).__name__
            conflict.reason = f"at {call.path} ({kind}): {conflict.reason}"
            self.result.conflicts.append(conflict)
            # Where all that met goes back to its old width, nothing is changed behind it either.
            guess = None if conflict.must_be_unchanged else _UNCERTAIN
            return [guess] * len(call.outputs)

    def run_body(self, call: Call, given: list) -> list:
        if not call.at_each_step:
            return super().run_body(call, given)
        # Within, the channels are on another axis: changes stay on their side.
        made = self.run(call.body, [None] * len(given))
        for channels in (*given, *made):
            if isinstance(channels, ChannelMap) and not channels.keeps_layout:
                reason = f"at {call.path} ({type(call.operation).__name__}): it would change"
                conflict = Conflict(
                    f"{reason} the width of a model called at each step", [channels]
                )
                self.result.conflicts.append(conflict)
        return [channels if channels is _UNCERTAIN else None for channels in made]

    def _position(self, index: int, call: Call) -> int:
        """Which of a call's inputs are the feature maps."""
        wanted = self.sites[index].input_of(call)
        return next(i for i, tensor in enumerate(call.inputs) if tensor is wanted)

    def _ordinary(self, call: Call, given: list, bare: bool) -> list:
        wanted_for = self.narrowed.get(call)
        wanted = None
        if wanted_for is not None:
            shape = call.outputs[0].shape
            channels_first = getattr(call.operation, "data_format", None) == "channels_first"
            axis = 1 if channels_first else len(shape) - 1
            wanted = halved(shape[axis], axis, wanted_for)
        if wanted is None and all(channels is None for channels in given):
            outcome = Outcome([None] * len(call.outputs))
        else:
            outcome = answer(_question(call, given, wanted, bare))
        earlier, earlier_given = self.first.setdefault(call.operation, (outcome, given))
        if not outcome.same_operation(earlier):
            raise Conflict(
                "it is shared, and would be called on different channels",
                [*given, *earlier_given],
                must_be_unchanged=False,
            )
        return outcome.maps

    def _site(self, index: int, before: ChannelMap | None) -> ChannelMap | None:
        site, action = self.sites[index], self.actions[index]
        if before is not None and before.axis != site.axis:
            raise Conflict(f"its channels are on axis {site.axis}", [before])
        if before is not None and not before.is_plain:
            raise Conflict(f"{site.function} is not linear", [before])
        if before is not None and not before.keeps_layout and _has_unknown_weights(site.described):
            raise Conflict(f"the weights of its {site.function} cannot follow", [before])
        earlier = self.result.before.setdefault(index, before)
        if (earlier is None) != (before is None) or (before and not before.same_channels(earlier)):
            reason = "it is shared, and would be called on different channels"
            raise Conflict(reason, [before, earlier], must_be_unchanged=False)
        if action == DOUBLE:
            return doubled(before or identity(site.channels, site.axis), index, site.slopes)
        if action == HALVE:
            # Behind a conflict nothing may be known of the layer that was made narrower.
            return _UNCERTAIN if before is None else restored(before, index)
        if action == COMPRESS:
            return before if before is None or before.keeps_layout else None
        return before


def _question(call: Call, given: list, wanted: ChannelMap | None, bare: bool) -> Question:
    inputs = call.outputs if call.is_input else call.inputs
    return Question(
        operation=call.operation,
        maps=given,
        shapes=[tuple(tensor.shape) for tensor in inputs],
        output_shapes=[tuple(tensor.shape) for tensor in call.outputs],
        constants=[] if isinstance(call.operation, keras.Layer) else call.constants,
        leads=not call.args or isinstance(call.args[0], keras.KerasTensor),
        wanted=wanted,
        bare=bare,
    )


def _has_unknown_weights(function: Function) -> bool:
    return function.layer is not None and function.name != "prelu"
