"""How changes of width travel through the network, symbolically: nothing is built."""

from dataclasses import dataclass, field

import keras

from keras_negact.surgery.channels import ChannelMap, doubled, halved, identity, restored
from keras_negact.surgery.functions import Function
from keras_negact.surgery.rules import Conflict, Outcome, Question, answer
from keras_negact.surgery.sites import Site
from keras_negact.surgery.trace import Call, Trace

# What happens at a site. "compress" doubles, and brings the width back at once.
LEAVE, KEEP, DOUBLE, HALVE, COMPRESS = "leave", "keep", "double", "halve", "compress"

_UNCERTAIN = object()


@dataclass
class Propagation:
    """What the swaps lead to.

    Attributes:
        outcomes: what becomes of each operation, by its id. Those that do not change are left out.
        before: for each swapped site, by its number, the channel map of what it is given.
        conflicts: where changed channels meet what cannot follow them.
    """

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    before: dict[int, ChannelMap | None] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)


class Propagator:
    """Follows the channels through one network, as often as the decisions change."""

    def __init__(self, trace: Trace, sites: list[Site]):
        self.trace = trace
        self.sites = sites
        self.site_of = {id(call): i for i, site in enumerate(sites) for call in site.calls}

    def run(self, actions: list[str], narrowed: dict[int, int]) -> Propagation:
        """Follow the channels from input to output.

        Args:
            actions: what happens at each site.
            narrowed: the calls, by id, whose output is made half as wide, with the site it is for.
        """
        self.actions, self.narrowed = actions, narrowed
        self.result = Propagation()
        self.first: dict[int, tuple[Outcome, list]] = {}
        maps: dict[int, ChannelMap | None] = {}
        for call in self.trace.calls:
            given = [maps.get(number) for number in call.inputs]
            if _UNCERTAIN in given:
                after = [_UNCERTAIN] * len(call.outputs)
            else:
                after = self._after(call, given)
            maps.update((n, m) for n, m in zip(call.outputs, after, strict=True) if m is not None)
        for number in self.trace.outputs:
            channels = maps.get(number)
            if isinstance(channels, ChannelMap) and not channels.keeps_layout:
                conflict = Conflict("it would change the width of the model's output", [channels])
                self.result.conflicts.append(conflict)
        self.result.outcomes = {
            key: outcome for key, (outcome, _) in self.first.items() if outcome.changes_operation
        }
        return self.result

    def _after(self, call: Call, given: list) -> list:
        index = self.site_of.get(id(call))
        swapped = index is not None and self.actions[index] != LEAVE
        try:
            if not swapped:
                return self._ordinary(call, given, bare=False)
            if self.sites[index].kind == "fused":
                given = self._ordinary(call, given, bare=True)
            return [self._site(index, given[0])]
        except Conflict as conflict:
            kind = type(call.operation).__name__
            conflict.reason = f"at {call.path} ({kind}): {conflict.reason}"
            self.result.conflicts.append(conflict)
            # Where all that met goes back to its old width, nothing is changed behind it either.
            guess = None if conflict.must_be_unchanged else _UNCERTAIN
            return [guess] * len(call.outputs)

    def _ordinary(self, call: Call, given: list, bare: bool) -> list:
        wanted_for = self.narrowed.get(id(call))
        wanted = None
        if wanted_for is not None:
            shape = self.trace.shape(call.outputs[0])
            channels_first = getattr(call.operation, "data_format", None) == "channels_first"
            axis = 1 if channels_first else len(shape) - 1
            wanted = halved(shape[axis], axis, wanted_for)
        if wanted is None and all(channels is None for channels in given):
            outcome = Outcome([None] * len(call.outputs))
        else:
            outcome = answer(self._question(call, given, wanted, bare))
        earlier, earlier_given = self.first.setdefault(id(call.operation), (outcome, given))
        if not outcome.same_operation(earlier):
            raise Conflict(
                "it is shared, and would be called on different channels",
                [*given, *earlier_given],
                must_be_unchanged=False,
            )
        return outcome.maps

    def _question(self, call: Call, given: list, wanted, bare: bool) -> Question:
        constants = []
        if not isinstance(call.operation, keras.Layer):
            flat = keras.tree.flatten((call.node.args, call.node.kwargs))
            constants = [value for value in flat if not isinstance(value, keras.KerasTensor)]
        return Question(
            operation=call.operation,
            maps=given,
            shapes=[self.trace.shape(number) for number in call.inputs],
            output_shapes=[self.trace.shape(number) for number in call.outputs],
            constants=constants,
            wanted=wanted,
            bare=bare,
        )

    def _site(self, index: int, before: ChannelMap | None) -> ChannelMap | None:
        site, action = self.sites[index], self.actions[index]
        if before is not None and before.axis != site.axis:
            raise Conflict(f"its channels are on axis {site.axis}", [before])
        if before is not None and not before.keeps_layout and _has_unknown_weights(site.described):
            raise Conflict(f"the weights of its {site.function} cannot follow", [before])
        earlier = self.result.before.setdefault(index, before)
        if (earlier is None) != (before is None) or (before and not before.same_channels(earlier)):
            reason = "it is shared, and would be called on different channels"
            raise Conflict(reason, [before, earlier], must_be_unchanged=False)
        if action == DOUBLE:
            return doubled(before or identity(site.channels, site.axis), index)
        if action == HALVE:
            # Behind a conflict nothing may be known of the layer that was made narrower.
            return _UNCERTAIN if before is None else restored(before, index)
        if action == COMPRESS:
            return before if before is None or before.keeps_layout else None
        return before


def _has_unknown_weights(function: Function) -> bool:
    return function.layer is not None and function.name != "prelu"
