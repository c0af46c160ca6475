"""The halved protocol: which layers are made half as wide, so that a swap restores the width."""

from keras_negact.surgery.propagation import HALVE
from keras_negact.surgery.rules import Conflict, is_mixing, passes_channels
from keras_negact.surgery.sites import Site
from keras_negact.surgery.trace import Call, Trace


def narrowed_calls(
    trace: Trace, sites: list[Site], actions: list[str]
) -> tuple[dict[int, int], dict[int, str]]:
    """Find the layers to be made narrower.

    Returns:
        The calls whose output is halved, by id, each with the number of the site it is for; and for
        each site that cannot be halved, by its number, the reason.
    """
    halved = {i for i, action in enumerate(actions) if action == HALVE}
    site_of = {id(call): i for i, site in enumerate(sites) for call in site.calls}
    calls_of: dict[int, list[Call]] = {}
    for call in trace.calls:
        calls_of.setdefault(id(call.operation), []).append(call)
    narrowed, refused = {}, {}
    for index in sorted(halved):
        try:
            region = _Region(trace, sites, halved, site_of, calls_of)
            for call in region.producers_for(sites[index]):
                narrowed[id(call)] = index
        except Conflict as conflict:
            refused[index] = conflict.reason
    return narrowed, refused


class _Region:
    """The tensors between the layers made narrower and the activations that double them again."""

    def __init__(self, trace, sites, halved, site_of, calls_of):
        self.trace, self.sites, self.halved = trace, sites, halved
        self.site_of, self.calls_of = site_of, calls_of

    def producers_for(self, site: Site) -> list[Call]:
        if site.channels % 2:
            raise Conflict(f"its {site.channels} channels cannot be halved", [])
        if site.kind == "fused" and is_mixing(site.layer):
            return site.calls
        self.producers: list[Call] = []
        self.pending = [number for call in site.calls for number in call.inputs]
        self.width = site.channels
        seen = set()
        while self.pending:
            number = self.pending.pop()
            if number not in seen:
                seen.add(number)
                self._backwards(number)
                self._forwards(number)
        return self.producers

    def _backwards(self, number: int) -> None:
        call = self.trace.producers[number]
        if number in self.trace.inputs:
            raise Conflict("it is fed by the model's input", [])
        if self._halved_site(call):
            raise Conflict(f"it is fed by {call.path}, swapped too, with no layer to narrow", [])
        if is_mixing(call.operation):
            self.producers.append(call)
            self.pending += [n for c in self.calls_of[id(call.operation)] for n in c.outputs]
        elif passes_channels(call.operation):
            self.pending += [n for n in call.inputs if self._is_wide(n)]
        else:
            raise Conflict(f"{call.path} before it cannot be made narrower", [])

    def _forwards(self, number: int) -> None:
        if number in self.trace.outputs:
            raise Conflict("what feeds it is an output of the model", [])
        for call in self.trace.consumers.get(number, ()):
            if self._halved_site(call) and not is_mixing(call.operation):
                if self.sites[self.site_of[id(call)]].kind == "fused":
                    raise Conflict(f"{call.path} cannot be made narrower", [])
            elif passes_channels(call.operation):
                self.pending += call.outputs
            else:
                raise Conflict(f"what feeds it is used by {call.path} too", [])

    def _halved_site(self, call: Call) -> bool:
        return self.site_of.get(id(call)) in self.halved

    def _is_wide(self, number: int) -> bool:
        return self.width in self.trace.shape(number)[1:]
