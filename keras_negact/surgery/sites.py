"""Where a network's activations are, and which of them are not to be swapped."""

import inspect
from dataclasses import dataclass, field

import keras

from keras_negact.graph import (
    Call,
    Graph,
    copy_operation,
    is_graph_model,
    is_keras,
    layers_within,
)
from keras_negact.surgery import forms, functions, gates
from keras_negact.surgery.axes import channel_axes
from keras_negact.surgery.functions import Function, argument_function
from keras_negact.surgery.handlers import function_of, known_base, rule_of, rule_of_base
from keras_negact.surgery.registry import computes_activation


@dataclass(eq=False)
class Site:
    """An activation in the source network.

    An activation that is called several times on feature maps of one rank and width is one site, as
    it will be one new layer; where rank or width differ, each has its own.

    Attributes:
        path: names from the outermost model inwards, joined by `/`. For a fused activation the path
            of its layer, for an operation node that of the operation.
        function: its name, as in `keras.activations`, with `prelu`, `capped_relu` and the like.
        kind: `"layer"`, `"fused"` (an `activation=` argument) or `"operation"`.
        shape: of the feature maps, with `None` where unknown.
        axis: the channel axis.
        dtype: of the feature maps.
        layer: the layer or operation in the source network. Look, but do not touch.
        calls: where it is called, one entry each.
        obstacle: "a gate..." or "a head...", which only their own path in `where` overrules; empty
            for the others.
        impossible: why it cannot be swapped at all; empty for the others.
        is_output: whether it is an output of the outermost model.
        around: `"space"`; `"time"`, where nothing comes from later; `"tokens"`, where a block looks
            at one place alone; `"frames"`, in sequences of images, where it looks at one of them.
        action: what a plan decided: `"swap"`; `"compress"`: swapped, with a 1x1 convolution that
            brings the width back; `"skip"`: left, because of a conflict; `"leave"`: left, because
            it is none of those asked for. Of folding: `"fold"`, `"reduce"` or `"leave"`.
        reason: why, where that is not plain.
        into: the path of the layer that took what was folded.
        keeps_function: whether the outputs are the same as before.
        new_layer: what stands there in the new network, as a template without weights.
        new_parameters: weights of the new layers.
        new_multiply_adds: multiply-adds of the new layers for one example, or for one pixel where
            the size is unknown.
        unlisted: whether it is no activation that is known, and stands in plans only when named.
        slopes: where a doubled width is kept for the function `p relu(x) - a relu(-x)`, `(p, a)`.

    Examples:
        >>> convolution = keras.layers.Conv2D(4, 3, activation="relu", name="first")
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), convolution])
        >>> site = plan_activation_swap(model, "leni").sites[0]
        >>> site.path, site.function, site.kind, site.channels
        ('first', 'relu', 'fused', 4)
        >>> site.new_parameters
        44
    """

    path: str
    function: str
    kind: str
    shape: tuple
    axis: int
    dtype: str
    layer: keras.Operation
    calls: list[Call] = field(default_factory=list, repr=False)
    obstacle: str = ""
    impossible: str = ""
    is_output: bool = False
    described: Function | None = field(default=None, repr=False)
    around: str = forms.SPACE
    action: str = "leave"
    reason: str = ""
    into: str = ""
    keeps_function: bool = True
    new_layer: keras.Layer | None = field(default=None, repr=False)
    new_parameters: int = 0
    new_multiply_adds: float = 0
    unlisted: bool = field(default=False, repr=False)
    slopes: tuple | None = field(default=None, repr=False)
    factor_of: dict = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def rank(self) -> int:
        """Number of axes of the feature maps, the batch included."""
        return len(self.shape)

    @property
    def channels(self) -> int | None:
        """The number of channels of the feature maps."""
        return self.shape[self.axis]

    @property
    def data_format(self) -> str:
        """`"channels_last"` or `"channels_first"`."""
        return "channels_last" if self.axis == self.rank - 1 else "channels_first"

    @property
    def activation(self):
        """The site's function, as `LENI(activation=...)` takes it. A layer is a fresh copy."""
        return self.described.make() if self.described else None

    @property
    def form(self) -> str:
        """Which form the new layer has here, in a few words."""
        return "" if self.new_layer is None else forms.describe(self.new_layer)

    def input_of(self, call: Call) -> keras.KerasTensor:
        """The feature maps in front of the activation."""
        return self.factor_of.get(call, call.inputs[0])

    def to_dict(self) -> dict:
        """What a plan says about it, ready for JSON."""
        return {name: getattr(self, name) for name in _IN_REPORTS}


_IN_REPORTS = (
    "path",
    "function",
    "kind",
    "shape",
    "action",
    "reason",
    "is_output",
    "into",
    "keeps_function",
    "form",
    "new_parameters",
    "new_multiply_adds",
)


def find_sites(graph: Graph) -> list[Site]:
    """List every activation of the network, in the order of the computation."""
    axes = channel_axes(graph)
    # One new layer for each rank and width that an operation is called on.
    sites: dict[tuple, Site] = {}
    for call in graph.all_calls:
        if call.makes_mask or call.is_input:
            continue
        factor = _factor_of_silu(graph, call)
        if factor is None:
            found = _describe(call.operation) or _describe_unknown(call)
        else:
            found = "operation", functions.named("silu"), ""
        if found is None:
            continue
        kind, function, impossible = found
        output = call.outputs[0]
        shape, axis = tuple(output.shape), axes[output]
        site = sites.setdefault(
            (call.operation, len(shape), shape[axis]),
            Site(
                path=call.path,
                function=function.name,
                kind=_kind_of(call.operation) if kind == "unknown" else kind,
                shape=shape,
                axis=axis,
                dtype=keras.backend.standardize_dtype(output.dtype),
                layer=call.operation,
                impossible=impossible,
                described=function,
                unlisted=kind == "unknown",
            ),
        )
        site.calls.append(call)
        if factor is not None:
            site.factor_of[call] = factor
    surroundings = forms.Surroundings(graph)
    for site in sites.values():
        site.around = surroundings.of(site.calls, site.kind == "fused")
        _find_obstacles(graph, site)
    return list(sites.values())


def _describe(operation) -> tuple[str, Function, str] | None:
    """Kind, function and what makes a swap impossible, if the operation has an activation."""
    function = function_of(operation)
    if function is not None:
        return _kind_of(operation), function, ""
    if not isinstance(operation, keras.Layer):
        return None
    if isinstance(operation, keras.Model) and not is_graph_model(operation):
        opaque = Function("unknown", lambda: None)
        return "layer", opaque, "inside a subclassed model, whose graph Keras does not record"
    function = argument_function(_activation_attribute(operation))
    if function is None:
        return _describe_within(operation)
    rule = rule_of_base(operation)
    if rule is not None and rule.fused:
        return "fused", function, _why_it_cannot_be_without(operation)
    if known_base(operation) is not None:
        own_call = f"{type(operation).__name__} has a call of its own, which may use it elsewhere"
        return "fused", function, own_call
    return "fused", function, f"applied inside {type(operation).__name__}, not on its output"


def _why_it_cannot_be_without(layer: keras.Layer) -> str:
    """Why a layer cannot be made without its activation; empty where it can."""
    if is_keras(type(layer).__module__):
        return ""
    try:
        bare = copy_operation(layer, activation=None)
    except ValueError:
        # The copy of the network will tell.
        return ""
    sets_it = argument_function(_activation_attribute(bare)) is not None
    return f"{type(layer).__name__} sets its activation by itself" if sets_it else ""


def _kind_of(operation) -> str:
    return "layer" if isinstance(operation, keras.Layer) else "operation"


def _describe_within(operation: keras.Layer) -> tuple[str, Function, str] | None:
    """The activations in a layer that is not opened: a wrapper, or one of the user's."""
    if rule_of_base(operation) is not None:
        return None
    functions_within = [argument_function(held) for held in _functions_held(operation)]
    for layer in layers_within(operation)[1:]:
        functions_within.append(
            function_of(layer) or argument_function(_activation_attribute(layer))
        )
        functions_within += [argument_function(held) for held in _functions_held(layer)]
    # The softmax of an attention is no activation of feature maps.
    names = dict.fromkeys(
        function.name
        for function in functions_within
        if function is not None and function.name not in functions.ACROSS_CHANNELS
    )
    if not names:
        return None
    opaque = Function(", ".join(names), lambda: None)
    return "layer", opaque, f"inside {type(operation).__name__}, which is not opened"


def _describe_unknown(call: Call) -> tuple[str, Function, str] | None:
    """What is no known activation, but keeps the shape of its one input."""
    layer = call.operation
    one = len(call.inputs) == 1 == len(call.outputs)
    if not one or tuple(call.inputs[0].shape) != tuple(call.outputs[0].shape):
        return None
    if not isinstance(layer, keras.Layer):
        applied = functions.of_operation(call)
        return applied and ("unknown", applied, "")
    if isinstance(layer, keras.Model):
        return None
    base = known_base(layer)
    if base is None:
        return "unknown", functions.of_layer(layer), ""
    if base is not type(layer):
        is_activation = computes_activation(base, layer)
        return ("layer", functions.of_layer(layer), "") if is_activation else None
    rule = rule_of(layer)
    own = not is_keras(type(layer).__module__) and not (rule.mixes or rule.kernels)
    return ("unknown", functions.of_layer(layer), "") if own else None


def _factor_of_silu(graph: Graph, call: Call) -> keras.KerasTensor | None:
    """`x`, where the call is the product in `x * sigmoid(x)`."""
    if type(call.operation).__name__ != "Multiply" or len(call.inputs) != 2:
        return None
    for x, gate in (call.inputs, call.inputs[::-1]):
        for before in graph.producers(gate):
            function = function_of(before.operation)
            is_sigmoid = function is not None and function.name == "sigmoid"
            if is_sigmoid and before.inputs[0] is x:
                return x
    return None


def _activation_attribute(operation):
    """What a layer's attribute `activation` holds, where that may be a function or its name."""
    activation = getattr(operation, "activation", None)
    if isinstance(activation, str):
        activation = getattr(keras.activations, activation, None)
    return activation if callable(activation) else None


def _functions_held(layer: keras.Layer) -> list:
    """Keras's activations among the attributes of a user's layer, whatever these are called."""
    held = () if is_keras(type(layer).__module__) else vars(layer).values()
    functions = [x for x in held if inspect.isfunction(x)]
    return [x for x in functions if getattr(keras.activations, x.__name__, None) is x]


def _find_obstacles(graph: Graph, site: Site) -> None:
    outputs = [call.outputs[0] for call in site.calls]
    if site.unlisted:
        return
    site.is_output = any(gates.reaches_output_unchanged(graph, tensor) for tensor in outputs)
    if site.rank < 2 or site.channels is None:
        site.impossible = site.impossible or "its number of channels is unknown"
    elif site.rank > 5:
        site.impossible = site.impossible or "it has more than three spatial axes"
    elif site.axis not in (1, site.rank - 1):
        moved = f"its channels are on axis {site.axis}, neither first nor last"
        site.impossible = site.impossible or moved
    elif not keras.backend.is_float_dtype(site.dtype):
        site.impossible = site.impossible or f"it works on {site.dtype}"
    if any(gates.is_gate(graph, tensor) for tensor in outputs) or (
        site.kind != "fused"
        and site.function == "relu6"
        and any(gates.is_hard_sigmoid(graph, call) for call in site.calls)
    ):
        site.obstacle = "a gate: it scales another branch"
    elif site.is_output and site.rank == 2:
        site.obstacle = "a head: it is the model's output"
