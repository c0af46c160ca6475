"""What a swap will do to a network, decided before anything is built."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from keras_negact import _checks
from keras_negact._table import Shown, Table
from keras_negact.graph import Call, Graph, copy_operation, is_built_sequential, read_graph
from keras_negact.surgery import costs
from keras_negact.surgery.assembly import Assembly
from keras_negact.surgery.channels import FRESH
from keras_negact.surgery.decisions import ON_CONFLICT, Decisions, decide
from keras_negact.surgery.handlers import template_of
from keras_negact.surgery.propagation import COMPRESS, DOUBLE, HALVE, KEEP, LEAVE
from keras_negact.surgery.report import Report, SwapReport, Totals
from keras_negact.surgery.selection import Selection
from keras_negact.surgery.sites import Site, find_sites
from keras_negact.surgery.templates import (
    Templates,
    can_halve,
    doubles_width,
    keeps_function,
)

CHANNELS = ("keep", "double", "halve")
LEFT_BY_CALLER = "left by the callable given as activation"


class Plan(Shown):
    """What is to become of a network, decided but not done; its representation is its table.

    Attributes:
        report: what will be done where, what will not, and why, with the totals.
        sites: the places that were looked at, each with what was decided for it; of a swap, the
            activations of the source network.

    Examples:
        >>> convolution = keras.layers.Conv2D(4, 3, activation="relu", name="first")
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), convolution])
        >>> plan = plan_activation_swap(model, "leni")
        >>> [(site.path, site.action) for site in plan.sites]
        [('first', 'swap')]
        >>> [layer.name for layer in plan.apply().layers]
        ['first_linear', 'first']
    """

    def __init__(self, report: Report, build: Callable[[], keras.Model]):
        self._build = build
        self.report = report

    @property
    def sites(self) -> list[Site]:
        return self.report.sites

    def apply(self) -> keras.Model:
        """Build the new network; a swap takes the weights that the source network has now."""
        return self._build()

    def to_dict(self) -> dict:
        """The report as plain lists, dictionaries and numbers, ready for JSON."""
        return self.report.to_dict()

    def table(self) -> Table:
        """The report as a table."""
        return self.report.table()

    def records(self) -> list[dict]:
        """A dictionary for each site."""
        return [site.to_dict() for site in self.sites]


@dataclass(frozen=True)
class _Wish:
    """What was asked for at a site."""

    action: str
    layer: keras.Layer | None = None
    reason: str = ""
    kept: bool = True


def make_plan(
    model: keras.Model,
    activation,
    where,
    channels,
    on_conflict,
    source,
    synchronized,
    trainable,
    inputs=None,
) -> Plan:
    """See `plan_activation_swap`."""
    check_model(model)
    _check_inputs(inputs)
    templates = Templates(activation)
    mode = _channels(channels, templates)
    on_conflict = "skip" if on_conflict is None else on_conflict
    _checks.one_of("on_conflict", on_conflict, ON_CONFLICT)
    _check_trainable(trainable)
    _checks.flag("synchronized", synchronized)
    if synchronized and keras.backend.backend() != "tensorflow":
        allowed = "False where Keras does not run on TensorFlow, which alone has such layers"
        raise _checks.refused("synchronized", allowed, synchronized)
    graph = read_graph(model, inputs)
    found = find_sites(graph)
    selection = Selection(found, where, source)
    sites = [site for site in found if not site.unlisted or selection.is_named(site)]
    wishes = [_wish(site, selection, templates, mode) for site in sites]
    decisions = decide(graph, sites, [wish.action for wish in wishes], on_conflict)
    for index, (site, wish) in enumerate(zip(sites, wishes, strict=True)):
        _settle(site, wish, decisions.actions[index], decisions.reasons.get(index, ""))
    report = _report(graph, sites, decisions, mode, on_conflict, synchronized)
    assembly = Assembly(model, graph, sites, decisions, synchronized, trainable)
    return Plan(report, assembly.build)


def _check_inputs(inputs) -> None:
    leaves = keras.tree.flatten(inputs)
    if inputs is not None and not all(isinstance(x, keras.KerasTensor) for x in leaves):
        raise _checks.refused("inputs", "what `keras.Input` returns, or None", inputs)


def _check_trainable(trainable) -> None:
    entries = [trainable] if isinstance(trainable, str) else trainable
    is_list = isinstance(entries, (list, tuple)) and all(isinstance(e, str) for e in entries)
    is_other_word = isinstance(trainable, str) and trainable != "new"
    if trainable is not None and (is_other_word or not (is_list and entries)):
        raise _checks.refused(
            "trainable", "None, 'new', or a list of 'new' and patterns of layer paths", trainable
        )


def check_model(model: keras.Model) -> None:
    """Refuse what has no graph that could be read."""
    if not isinstance(model, keras.Model) and any(
        kind.__module__.startswith(("tf_keras", "keras.src.engine", "tensorflow.python.keras"))
        for kind in type(model).__mro__
    ):
        raise ValueError(
            f"`{getattr(model, 'name', model)}` is a model of tf_keras (Keras 2). A model of "
            "Keras 3 is needed: unset TF_USE_LEGACY_KERAS, import `keras`, and build it there."
        )
    if isinstance(model, keras.Sequential):
        if not is_built_sequential(model):
            raise ValueError(
                f"The Sequential model `{model.name}` has not been built, so the shapes in it are "
                "unknown. Call `model.build(input_shape)` first, or start it with a `keras.Input`."
            )
    elif not isinstance(model, keras.Model):
        raise _checks.refused("model", "a Keras model", model)


def _channels(channels: str | None, templates: Templates) -> str | None:
    _checks.one_of("channels", channels, (*CHANNELS, None))
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
            f"`channels` must be one of {[name for name, fit in fits.items() if fit]} with "
            f"{type(layer).__name__} as it was given, which {does} the number of channels "
            "(OnOffReLU and LENI(compression=None) double it, LENI keeps it otherwise). "
            f"Received: {channels!r}"
        )


def _wish(site: Site, selection: Selection, templates: Templates, mode: str | None) -> _Wish:
    refusal = selection.refusal(site)
    if refusal:
        return _Wish(LEAVE, reason=refusal)
    layer = templates.layer_for(site, mode)
    if layer is None:
        return _Wish(LEAVE, reason=LEFT_BY_CALLER)
    if mode is not None:
        _check_channels(mode, layer)
    kept = keeps_function(layer, site)
    known = template_of(layer)
    if known.only_where_kept and not kept and not selection.lists(site):
        kind = type(layer).__name__
        return _Wish(LEAVE, reason=f"{kind} does not keep {site.function}, list it in `source`")
    if mode != "halve":
        site.slopes = known.slopes(layer, site)
    if mode == "halve":
        return _Wish(HALVE, layer, kept=False)
    width = _output_shape(layer, site)[site.axis]
    if width not in (site.channels, 2 * site.channels) or (
        (width == 2 * site.channels) != doubles_width(layer)
    ):
        reason = f"the new layer would make {width} of {site.channels} channels"
        return _Wish(LEAVE, reason=reason)
    notes = [] if kept else ["outputs change: another function than before"]
    notes += ["it is the model's output"] if site.is_output else []
    return _Wish(DOUBLE if doubles_width(layer) else KEEP, layer, "; ".join(notes), kept)


def _output_shape(layer: keras.Layer, site: Site) -> tuple:
    if type(layer).compute_output_shape is not keras.Layer.compute_output_shape:
        return layer.compute_output_shape(site.shape)
    # It does not say, so a copy is called.
    copy = copy_operation(layer)
    return copy(keras.KerasTensor(site.shape, site.dtype)).shape


def _settle(site: Site, wish: _Wish, action: str, conflict: str) -> None:
    """Write down at a site what was decided."""
    site.reason = conflict or wish.reason
    if action == LEAVE:
        site.action = "skip" if conflict else "leave"
        return
    site.action = "compress" if action == COMPRESS else "swap"
    site.keeps_function, site.new_layer = wish.kept, wish.layer


def _report(
    graph: Graph,
    sites: list[Site],
    decisions: Decisions,
    mode: str | None,
    on_conflict: str,
    synchronized: bool,
) -> SwapReport:
    outcomes = decisions.propagation.outcomes
    network, probe = costs.Costs(graph), costs.Probe()
    for index, site in enumerate(sites):
        if site.new_layer is not None:
            before = decisions.propagation.before[index]
            _count_new_layers(
                site, site.channels if before is None else len(before), network, probe
            )
    swapped = [site for site in sites if site.new_layer is not None]
    gone = {call for site in swapped if site.kind != "fused" for call in _replaced(graph, site)}
    bare = {call for site in swapped if site.kind == "fused" for call in site.calls}
    changed = sum(costs.parameters(x, outcomes.get(x)) for x in graph.operations)
    replaced = (site.described.layer for site in swapped if site.described.layer is not None)
    parameters = changed - sum(map(costs.parameters, replaced))
    multiply_adds = network.multiply_adds(decisions.propagation.followed, gone, bare)
    doubles = any(action in (DOUBLE, COMPRESS) for action in decisions.actions)
    return SwapReport(
        sites=sites,
        before=Totals(sum(map(costs.parameters, graph.operations)), network.multiply_adds()),
        after=Totals(
            parameters + sum(site.new_parameters for site in swapped),
            costs.whole(multiply_adds + sum(site.new_multiply_adds for site in swapped)),
        ),
        channels=mode or ("double" if doubles else "keep"),
        on_conflict=on_conflict,
        per_pixel=network.per_pixel,
        fresh=_fresh(graph, outcomes),
        synchronized=[
            calls[0].path
            for operation, calls in graph.operations.items()
            if synchronized and hasattr(operation, "synchronized")
        ],
    )


def _replaced(graph: Graph, site: Site) -> list[Call]:
    """The calls in whose place the new layer stands, and those that fed nothing else."""
    factors = [
        before
        for call, factor in site.factor_of.items()
        for tensor in call.inputs
        if tensor is not factor
        for before in graph.producers(tensor)
        if set(graph.readers(tensor)) <= set(site.calls)
    ]
    return [*site.calls, *factors]


def _count_new_layers(site: Site, width: int, network: costs.Costs, probe: costs.Probe) -> None:
    parameters, per_place = probe.count(site.new_layer, site, width)
    if site.action == "compress" and doubles_width(site.new_layer):
        compression = costs.compression_cost(width, site.channels)
        parameters, per_place = parameters + compression, per_place + compression
    places = sum(network.places(call, site.axis) for call in site.calls)
    site.new_parameters, site.new_multiply_adds = parameters, costs.whole(per_place * places)


def _fresh(graph: Graph, outcomes: dict) -> list[str]:
    fresh = []
    for operation, outcome in outcomes.items():
        for name, steps in outcome.takes.items():
            new = [int((step.channels.part == FRESH).sum()) for step in steps]
            if any(new):
                total = [
                    len(step.channels) for step in steps if (step.channels.part == FRESH).any()
                ]
                of = f"{max(new)} of {total[0]} channels"
                fresh.append(f"{graph.operations[operation][0].path}/{name}: {of}")
    return fresh
