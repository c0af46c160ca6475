"""What a swap will do to a network, decided before anything is built."""

from dataclasses import dataclass

import keras
from keras import layers

from keras_negact._activations import doubles_width
from keras_negact._checks import refused
from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.surgery import costs
from keras_negact.surgery.channels import FRESH
from keras_negact.surgery.clone import Assembly
from keras_negact.surgery.decisions import ON_CONFLICT, Decisions, decide
from keras_negact.surgery.graph import is_built_sequential
from keras_negact.surgery.propagation import COMPRESS, DOUBLE, HALVE, KEEP, LEAVE
from keras_negact.surgery.report import Report, SitePlan, Totals, as_html, as_text
from keras_negact.surgery.selection import Selection
from keras_negact.surgery.sites import Site, find_sites
from keras_negact.surgery.sizes import Sizes
from keras_negact.surgery.templates import Templates, can_halve, keeps_function
from keras_negact.surgery.trace import Trace, trace_model

CHANNELS = ("keep", "double", "halve")


class Plan:
    """A swap of activations, decided but not done.

    Attributes:
        report: what will be swapped, what will not, and why, with the totals.
        sites: the entries of the report, one for each activation of the source network.
    """

    def __init__(self, assembly: Assembly, report: Report):
        self._assembly = assembly
        self.report = report

    @property
    def sites(self) -> list[SitePlan]:
        return self.report.sites

    def apply(self) -> keras.Model:
        """Build the new network, with the weights that the source network has now."""
        return self._assembly.build()

    def to_dict(self) -> dict:
        """The report as plain lists, dictionaries and numbers, ready for JSON."""
        return self.report.to_dict()

    def __str__(self) -> str:
        return as_text(self.report)

    def _repr_html_(self) -> str:
        return as_html(self.report)


@dataclass(frozen=True)
class _Wish:
    """What was asked for at a site."""

    action: str
    layer: keras.Layer | None = None
    reason: str = ""


def make_plan(
    model: keras.Model, activation, where, channels, on_conflict, source, synchronized
) -> Plan:
    """See `plan_activation_swap`."""
    check_model(model)
    templates = Templates(activation)
    mode = _channels(channels, templates)
    on_conflict = "skip" if on_conflict is None else on_conflict
    if on_conflict not in ON_CONFLICT:
        raise ValueError(f"`on_conflict` must be one of {ON_CONFLICT}. Given: {on_conflict!r}")
    trace = trace_model(model)
    sites = find_sites(trace)
    selection = Selection(sites, where, source)
    wishes = [_wish(site, selection, templates, mode) for site in sites]
    decisions = decide(trace, sites, [wish.action for wish in wishes], on_conflict)
    report = _report(trace, sites, wishes, decisions, mode, on_conflict, synchronized)
    new_layers = {
        i: wish.layer
        for i, wish in enumerate(wishes)
        if wish.layer is not None and decisions.actions[i] != LEAVE
    }
    return Plan(Assembly(model, trace, sites, new_layers, decisions, synchronized), report)


def check_model(model: keras.Model) -> None:
    """Refuse what has no graph that could be read."""
    if isinstance(model, keras.Sequential):
        if not is_built_sequential(model):
            raise ValueError(
                f"The Sequential model `{model.name}` has not been built, so the shapes in it are "
                "unknown. Call `model.build(input_shape)` first, or start it with a `keras.Input`."
            )
    elif not isinstance(model, keras.Model):
        raise refused("model", "a Keras model", model)
    elif not isinstance(model, keras.Function):
        raise ValueError(
            f"`{model.name}` ({type(model).__name__}) is a subclassed model, and Keras does not "
            "record which layer of it feeds which. Put the activations into its code (give its "
            "constructor an `activation` argument and pass `keras_negact.LENI`), or make it "
            "Functional: `inputs = keras.Input(...); keras.Model(inputs, model.call(inputs))`."
        )


def _channels(channels: str | None, templates: Templates) -> str | None:
    if channels is not None and channels not in CHANNELS:
        raise ValueError(f"`channels` must be one of {CHANNELS} or None. Given: {channels!r}")
    if templates.per_site is not None:
        return channels
    if channels is None:
        return "double" if templates.doubles else "keep"
    _check_channels(channels, templates.template)
    return channels


def _check_channels(channels: str, layer: keras.Layer) -> None:
    fits = {
        "keep": not doubles_width(layer),
        "double": doubles_width(layer),
        "halve": can_halve(layer),
    }
    if not fits[channels]:
        does = "doubles" if doubles_width(layer) else "keeps"
        raise ValueError(
            f"channels={channels!r} does not go with {type(layer).__name__} as it was given, which "
            f"{does} the number of channels. Allowed here: "
            f"{[name for name, fit in fits.items() if fit]}. OnOffReLU and LENI(compression=None) "
            "double it, LENI keeps it otherwise."
        )


def _wish(site: Site, selection: Selection, templates: Templates, mode: str | None) -> _Wish:
    refusal = selection.refusal(site)
    if refusal:
        return _Wish(LEAVE, reason=refusal)
    layer = templates.layer_for(site, mode)
    if layer is None:
        return _Wish(LEAVE, reason="left by the callable given as activation")
    if mode is not None:
        _check_channels(mode, layer)
    kept = keeps_function(layer, site)
    if isinstance(layer, OnOffReLU) and not kept and not selection.lists(site):
        return _Wish(LEAVE, reason=f"OnOffReLU does not keep {site.function}, list it in `source`")
    if mode == "halve":
        return _Wish(HALVE, layer)
    width = _output_shape(layer, site)[site.axis]
    if width not in (site.channels, 2 * site.channels) or (
        (width == 2 * site.channels) != doubles_width(layer)
    ):
        reason = f"the new layer would make {width} of {site.channels} channels"
        return _Wish(LEAVE, reason=reason)
    note = "" if kept else "outputs change: another function than before"
    return _Wish(DOUBLE if doubles_width(layer) else KEEP, layer, note)


def _output_shape(layer: keras.Layer, site: Site) -> tuple:
    if type(layer).compute_output_shape is not keras.Layer.compute_output_shape:
        return layer.compute_output_shape(site.shape)
    # It does not say, so a copy is called.
    copy = type(layer).from_config(layer.get_config())
    return copy(keras.KerasTensor(site.shape, site.dtype)).shape


def _report(
    trace: Trace,
    sites: list[Site],
    wishes: list[_Wish],
    decisions: Decisions,
    mode: str | None,
    on_conflict: str,
    synchronized: bool,
) -> Report:
    outcomes = decisions.propagation.outcomes
    operations = {id(call.operation): call for call in trace.calls}
    parameters = [costs.parameters(call.operation) for call in operations.values()]
    changed = [costs.parameters(c.operation, outcomes.get(key)) for key, c in operations.items()]
    sizes = Sizes(trace)
    multiply_adds, changed_multiply_adds = _multiply_adds(trace, sizes, outcomes)
    entries, probe = [], costs.Probe()
    for index, (site, wish) in enumerate(zip(sites, wishes, strict=True)):
        entries.append(_entry(index, site, wish, decisions, probe, sizes))
    added = sum(entry.new_parameters for entry in entries)
    replaced = sum(
        costs.parameters(site.described.layer)
        for site, entry in zip(sites, entries, strict=True)
        if entry.action in ("swap", "compress") and site.described.layer is not None
    )
    doubles = any(action in (DOUBLE, COMPRESS) for action in decisions.actions)
    return Report(
        sites=entries,
        before=Totals(sum(parameters), multiply_adds),
        after=Totals(
            sum(changed) + added - replaced,
            _whole(changed_multiply_adds + sum(entry.new_multiply_adds for entry in entries)),
        ),
        channels=mode or ("double" if doubles else "keep"),
        on_conflict=on_conflict,
        per_pixel=sizes.per_pixel,
        fresh=_fresh(operations, outcomes),
        synchronized=[
            call.path
            for call in operations.values()
            if synchronized and isinstance(call.operation, layers.BatchNormalization)
        ],
    )


def _entry(
    index: int,
    site: Site,
    wish: _Wish,
    decisions: Decisions,
    probe: costs.Probe,
    sizes: Sizes,
) -> SitePlan:
    action, conflict = decisions.actions[index], decisions.reasons.get(index, "")
    described = {
        "path": site.path,
        "function": site.function,
        "kind": site.kind,
        "shape": site.shape,
    }
    if action == LEAVE:
        name = "skip" if conflict else "leave"
        return SitePlan(**described, action=name, reason=conflict or wish.reason)
    before = decisions.propagation.before[index]
    width = site.channels if before is None else len(before)
    parameters, per_place = probe.count(wish.layer, site, width)
    if action == COMPRESS and doubles_width(wish.layer):
        compression = costs.compression_cost(width, site.channels)
        parameters, per_place = parameters + compression, per_place + compression
    places = sum(sizes.places(call.outputs[0], site.axis) for call in site.calls)
    return SitePlan(
        **described,
        action="compress" if action == COMPRESS else "swap",
        reason=conflict or wish.reason,
        keeps_function=action != HALVE and keeps_function(wish.layer, site),
        new_parameters=parameters,
        new_multiply_adds=_whole(per_place * places),
    )


def _multiply_adds(trace: Trace, sizes: Sizes, outcomes: dict) -> tuple[float, float]:
    before = after = 0
    for call in trace.calls:
        if costs.has_kernel(call.operation):
            outcome = outcomes.get(id(call.operation))
            places = sizes.kernel_places(call)
            before += costs.layer_multiply_adds(call.operation, places)
            after += costs.layer_multiply_adds(call.operation, places, outcome)
    return _whole(before), _whole(after)


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _fresh(operations: dict, outcomes: dict) -> list[str]:
    fresh = []
    for key, outcome in outcomes.items():
        for name, steps in outcome.takes.items():
            new = [int((step.channels.part == FRESH).sum()) for step in steps]
            if any(new):
                total = [
                    len(step.channels) for step in steps if (step.channels.part == FRESH).any()
                ]
                of = f"{max(new)} of {total[0]} channels"
                fresh.append(f"{operations[key].path}/{name}: {of}")
    return fresh
