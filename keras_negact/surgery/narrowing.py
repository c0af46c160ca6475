"""The halved protocol: which layers are made half as wide, so that a swap restores the width."""

from keras_negact.graph import Call, Graph
from keras_negact.surgery.handlers import Conflict, rule_of
from keras_negact.surgery.propagation import HALVE
from keras_negact.surgery.sites import Site


def narrowed_calls(
    graph: Graph, sites: list[Site], actions: list[str]
) -> tuple[dict[Call, int], dict[int, str]]:
    """Find the layers to be made narrower.

    Returns:
        The calls whose output is halved, each with the number of the site it is for; and for
        each site that cannot be halved, by its number, the reason.
    """
    halved = {i for i, action in enumerate(actions) if action == HALVE}
    site_of = {call: i for i, site in enumerate(sites) for call in site.calls}
    narrowed, refused = {}, {}
    for index in sorted(halved):
        try:
            region = _Region(graph, sites, halved, site_of)
            for call in region.producers_for(sites[index]):
                narrowed[call] = index
        except Conflict as conflict:
            refused[index] = conflict.reason
    return narrowed, refused


class _Region:
    """The tensors between the layers made narrower and the activations that double them again."""

    def __init__(self, graph, sites, halved, site_of):
        self.graph, self.sites, self.halved = graph, sites, halved
        self.site_of = site_of

    def producers_for(self, site: Site) -> list[Call]:
        if site.channels % 2:
            raise Conflict(f"its {site.channels} channels cannot be halved", [])
        if site.kind == "fused" and _mixes(site.layer):
            return site.calls
        self.producers: list[Call] = []
        self.pending = [x for call in site.calls for x in call.inputs]
        self.width = site.channels
        seen = set()
        while self.pending:
            tensor = self.pending.pop()
            if tensor not in seen:
                seen.add(tensor)
                for call in self.graph.producers(tensor):
                    self._backwards(call)
                self._forwards(tensor)
        return self.producers

    def _backwards(self, call: Call) -> None:
        if call.is_input:
            raise Conflict("it is fed by the model's input", [])
        if self._halved_site(call):
            raise Conflict(f"it is fed by {call.path}, swapped too, with no layer to narrow", [])
        if _mixes(call.operation):
            self.producers.append(call)
            self.pending += [x for c in self.graph.operations[call.operation] for x in c.outputs]
        elif _passes(call.operation):
            self.pending += [*call.outputs, *(x for x in call.inputs if self._is_wide(x))]
        else:
            raise Conflict(f"{call.path} before it cannot be made narrower", [])

    def _forwards(self, tensor) -> None:
        if self.graph.is_output(tensor):
            raise Conflict("what feeds it is an output of the model", [])
        for call in self.graph.readers(tensor):
            if self._halved_site(call) and not _mixes(call.operation):
                if self.sites[self.site_of[call]].kind == "fused":
                    raise Conflict(f"{call.path} cannot be made narrower", [])
            elif _passes(call.operation):
                self.pending += call.outputs
            else:
                raise Conflict(f"what feeds it is used by {call.path} too", [])

    def _halved_site(self, call: Call) -> bool:
        return self.site_of.get(call) in self.halved

    def _is_wide(self, tensor) -> bool:
        return self.width in tensor.shape[1:]


def _mixes(operation) -> bool:
    rule = rule_of(operation)
    return rule is not None and rule.mixes


def _passes(operation) -> bool:
    rule = rule_of(operation)
    return rule is not None and rule.passes
