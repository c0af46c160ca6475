"""Folding a network for inference: the two public functions."""

import keras

from keras_negact import _checks
from keras_negact.graph import Call, Graph, read_graph
from keras_negact.surgery import costs
from keras_negact.surgery.folding.assembly import build
from keras_negact.surgery.folding.decide import Decisions
from keras_negact.surgery.folding.report import FoldingReport
from keras_negact.surgery.handlers import rule_of
from keras_negact.surgery.handlers.leni import Block
from keras_negact.surgery.plan import Plan, check_model
from keras_negact.surgery.report import Totals


class FoldingPlan(Plan):
    """A folding that is decided but not done; its representation is its table.

    Attributes:
        report: what will be folded, what will not, and why, with the totals.
        sites: one for each normalization and each LENI, with what was decided for it.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3, name="convolution"),
        ...     keras.layers.BatchNormalization(name="normalization"),
        ... ])
        >>> plan = plan_folding(model)
        >>> [layer.name for layer in plan.apply().layers]
        ['convolution']
    """


def plan_folding(model: keras.Model) -> FoldingPlan:
    """Decides what `fold_for_inference` does to a network, without building the new network.

    Args:
        model: as in `fold_for_inference`.

    Returns:
        A `FoldingPlan`: `plan.sites` and `print(plan)` say what is folded, what is not, and why;
        `plan.to_dict()` has the same as data; `plan.apply()` builds the new network.

    Raises:
        ValueError: when `model` has no graph that could be read.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3, name="convolution"),
        ...     keras.layers.BatchNormalization(name="normalization"),
        ... ])
        >>> [(site.path, site.action) for site in plan_folding(model).sites]
        [('normalization', 'fold')]
    """
    check_model(model)
    graph = read_graph(model)
    decisions = Decisions(graph)
    return FoldingPlan(_report(graph, decisions), lambda: build(graph, decisions))


def fold_for_inference(model: keras.Model, verbose: str | int = 1) -> keras.Model:
    """Makes a network that computes in inference what `model` computes, with less work.

    Formulas, with `s` and `t` the scale and the shift of a batch normalization in inference:

        s (W * x + b) + t  =  (s W) * x + (s b + t)                    the layer in front takes it
        W * (s x + t) + b  =  (W s) * x + (b + W * t)                  the layer behind takes it
        p P + n (s (K (*) N + b) + t)  =  p P + (n s K) (*) N + n (s b + t)                LENI
        p act(x) + K (*) relu(-x)  =  act(p x) + (K / p) (*) relu(-p x)           p > 0, act as ReLU
        p P + N'  =  p (P + N' / p)                                                          p != 0

    A batch normalization goes into the convolution, dense layer, LENI or batch normalization in
    front of it where that feeds nothing else, else into the convolution or dense layer behind it
    where it feeds nothing else and the shift meets no padding with zeros. A LENI keeps one kernel,
    and a bias where there was a normalization, and a pointwise compression stays behind them, which
    takes no batch normalization. Its positive scale goes into the layer in front, else into the one
    behind, else it stays; of a LENI whose transformation is all zeros, its activation is left.
    Where two layers read the same output nothing is folded: the convolution would have to be
    computed twice.

    Everything else, and layers of classes that folding does not know, subclasses of known ones
    included, is copied as it is. All of this is this package's choice: the papers do not treat it.

    Args:
        model: a Functional or a built Sequential model, with other such models nested in it, or a
            subclassed one whose `call` can be traced. It stays as it is.
        verbose: 0: print nothing. 1, 2 or `"auto"`: the totals. `print(plan_folding(model))` gives
            every layer and every reason.

    Returns:
        The new model, not compiled. It is not for training, and loads where `keras_negact` is
        imported.

    Raises:
        ValueError: when `model` has no graph that could be read (a subclassed model that cannot be
            traced, or a Sequential one that was never built), or a layer cannot be made again from
            its config.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3, name="convolution"),
        ...     keras.layers.BatchNormalization(name="normalization"),
        ... ])
        >>> folded = fold_for_inference(model, verbose=0)
        >>> [layer.name for layer in folded.layers]
        ['convolution']
    """
    verbose = _checks.verbosity(verbose)
    plan = plan_folding(model)
    if verbose:
        print("\n".join(plan.report.summary()))
    return plan.apply()


def _report(graph: Graph, decisions: Decisions) -> FoldingReport:
    network = costs.Costs(graph)
    parameters = {x: costs.parameters(x) for x in graph.operations}
    after = {**parameters, **dict.fromkeys(decisions.removed, 0)}
    after.update((layer, _parameters(place)) for layer, place in decisions.places.items())
    multiply_adds = network.multiply_adds()
    saved = 0
    for layer, place in decisions.places.items():
        if isinstance(place, Block):
            calls = graph.operations[layer]
            saved += sum(network.of(call) - _multiply_adds(network, call, place) for call in calls)
    for site in decisions.sites:
        if site.action in ("fold", "reduce") and site.layer in decisions.places:
            place = decisions.places[site.layer]
            counted = (_multiply_adds(network, call, place) for call in site.calls)
            site.new_parameters, site.new_multiply_adds = after[site.layer], sum(counted)
    uses = {call: len(shapes) for call, shapes in network.shapes.items()}
    kept = sum(n for call, n in uses.items() if call.operation not in decisions.removed)
    return FoldingReport(
        sites=decisions.sites,
        before=Totals(sum(parameters.values()), multiply_adds),
        after=Totals(sum(after.values()), costs.whole(multiply_adds - saved)),
        per_pixel=network.per_pixel,
        layers=(sum(uses.values()), kept),
    )


def _parameters(place) -> int:
    """The number of weights that the layer will have."""
    inside = costs.parameters(getattr(place.layer, "activation", None))
    if not (isinstance(place, Block) and place.is_activation):
        return inside + sum(value.size for value in place.rebuilt()[1].values())
    return inside if place.is_bare_activation else inside + 4 * place.channels


def _multiply_adds(network: costs.Costs, call: Call, block: Block) -> float:
    """Multiply-adds of what a block becomes; a normalization that carries its scale has none."""
    activation = network.of_inner(call, block.layer.activation)
    if block.is_activation:
        return activation
    kernels = rule_of(block.layer).kernels
    sizes = sum(x.size for name, x in block.rebuilt()[1].items() if name in kernels)
    return activation + sizes * network.places(call, block.axis)
