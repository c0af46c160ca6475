"""Subclasses of Keras's models: which come back as their own class, and what is lost of others."""

import inspect
import warnings
from collections.abc import Mapping

import keras

from keras_negact.graph.copying import copy_operation
from keras_negact.graph.state import copy_state, layers_within

# What a class may define that says only how it is made, not what it does.
_CONSTRUCTION = {"__init__", "get_config", "from_config", "__new__", "build", "call"}
# What `compile` keeps in a model, which is compiled anew.
_COMPILED = (keras.Optimizer, keras.Metric, keras.Loss)


def functional_like(
    source: keras.Model, inputs, outputs, copies: Mapping[keras.Operation, keras.Operation]
) -> keras.Model:
    """A Functional model of the source's class, where its constructor takes inputs and outputs.

    Args:
        copies: of what is in the source's graph.
    """
    kind = type(source)
    functional = next(base for base in kind.__mro__ if keras.Function in base.__bases__)
    if kind.__init__ is functional.__init__:
        return kind(inputs, outputs, name=source.name)
    if list(inspect.signature(kind.__init__).parameters)[1:3] != ["inputs", "outputs"]:
        return keras.Model(inputs, outputs, name=source.name)
    # Its constructor may want more, which is no longer known; what it made of it is copied.
    model = kind.__new__(kind)
    functional.__init__(model, inputs, outputs, name=source.name)
    for name, value in vars(source).items():
        compiled = name == "optimizer" or (_is_private(name) and isinstance(value, _COMPILED))
        if name not in vars(model) and not (compiled or _is_made_anew(source, value, copies)):
            setattr(model, name, _renewed_within(value, copies))
    return model


def _is_made_anew(source: keras.Model, value, copies: Mapping) -> bool:
    """Whether an attribute holds what Keras itself makes with the graph, or what was edited."""
    mine = {source, *(x for x in source.operations if x not in copies)}
    kinds = (keras.Variable, keras.KerasTensor)
    return any(isinstance(x, kinds) or _is_one_of(x, mine) for x in _leaves(value))


def _renewed_within(value, copies: Mapping):
    leaves = [_renewed(x, copies) for x in _leaves(value)]
    try:
        return keras.tree.pack_sequence_as(value, leaves)
    except TypeError:
        # A dictionary without an order holds nothing of the graph, or it would not be here.
        return value


def _renewed(value, copies: Mapping):
    if isinstance(value, (keras.Metric, keras.Optimizer)):
        return type(value).from_config(value.get_config())
    if not isinstance(value, keras.Layer):
        return value
    if value not in copies:
        # Beside the graph, such as a preprocessor.
        copy = copy_operation(value)
        copy_state(value, copy)
        return copy
    return copies[value]


def sequential_like(source: keras.Sequential, stack: list) -> keras.Sequential:
    """A Sequential model of the source's class, where its constructor is Sequential's own."""
    is_plain = type(source).__init__ is keras.Sequential.__init__
    return (type(source) if is_plain else keras.Sequential)(stack, name=source.name)


def warn_of_losses(models: Mapping[keras.Model, keras.Model]) -> None:
    """One warning for all models that came back as another class, with what is gone."""
    losses = {old: _lost(old, new) for old, new in models.items() if type(old) is not type(new)}
    shown = [
        f"`{old.name}` ({type(old).__name__}) is a plain {type(new).__name__} now, without "
        + ", ".join(names)
        for old, new in models.items()
        if (names := losses.get(old))
    ]
    if shown:
        warnings.warn(
            "The constructor of a subclass does not take a graph, so the new model cannot be of "
            "that class: " + "; ".join(shown) + ".",
            stacklevel=2,
        )


def _lost(old: keras.Model, new: keras.Model) -> list[str]:
    """The methods and attributes that the old model has of its own."""
    own = [kind for kind in type(old).__mro__ if not issubclass(type(new), kind)]
    methods = {name for kind in own if not _is_graph_class(kind) for name in vars(kind)}
    methods = {name for name in methods - _CONSTRUCTION if not _is_private(name)}
    attributes = {
        name: value
        for name, value in vars(old).items()
        if not _is_private(name) and not hasattr(new, name)
    }
    # A subclassed model was traced, and its trace holds all that it uses.
    in_graph = set(getattr(old, "operations", layers_within(old)))
    beside = {
        name
        for name, value in attributes.items()
        if any(isinstance(x, keras.Layer) and x not in in_graph for x in _leaves(value))
    }
    plain = {name for name, value in attributes.items() if not _belongs_to_the_graph(value)}
    return sorted(beside | ((methods | plain) - _constructor_arguments(old)))


def _constructor_arguments(model: keras.Model) -> set[str]:
    """Attributes that say, as the methods of construction do, only how it was made."""
    try:
        return set(model.get_config())
    except Exception:
        # A class that cannot be saved has nothing to say about itself.
        return set()


def _is_graph_class(kind: type) -> bool:
    return kind.__module__.split(".")[:2] == ["keras", "src"]


def _is_private(name: str) -> bool:
    return name.startswith("_")


def _is_one_of(value, operations: set) -> bool:
    return isinstance(value, keras.Operation) and value in operations


def _belongs_to_the_graph(value) -> bool:
    kinds = (keras.Operation, keras.Variable, keras.KerasTensor)
    return any(isinstance(leaf, kinds) for leaf in _leaves(value))


def _leaves(value) -> list:
    try:
        return keras.tree.flatten(value)
    except TypeError:
        # The keys of a dictionary have no order, as where Keras keeps something for each layer.
        return [*value, *value.values()] if isinstance(value, Mapping) else [value]
