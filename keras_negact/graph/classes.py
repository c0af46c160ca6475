"""Subclasses of Keras's models: which come back as their own class, and what is lost of others."""

import inspect
import warnings
from collections.abc import Mapping
from types import MethodType

import keras

from keras_negact.graph.copying import copy_operation
from keras_negact.graph.recorded import takes_a_graph
from keras_negact.graph.state import copy_state, is_keras, layers_within, numpy_copy

Copies = Mapping[keras.Operation, keras.Operation]

# What a class may define that says only how it is made, not what it does.
_CONSTRUCTION = {"__init__", "get_config", "from_config", "__new__", "build", "call"}
# What `compile` keeps in a model, which is compiled anew, and what training leaves there.
_COMPILED = (keras.Optimizer, keras.Metric, keras.Loss)
_TRAINED = {"optimizer", "history", "stop_training", "stop_evaluating", "stop_predicting"}


def functional_like(source: keras.Model, inputs, outputs, copies: Copies) -> keras.Model:
    """A Functional model of the source's class, where its constructor takes inputs and outputs.

    Args:
        copies: of what is in the source's graph.
    """
    if not takes_a_graph(type(source)):
        return keras.Model(inputs, outputs, name=source.name)
    functional = next(x for x in type(source).__mro__ if keras.Function in x.__bases__)
    return _like(source, functional, (inputs, outputs), copies)


def sequential_like(source: keras.Sequential, stack: list, copies: Copies) -> keras.Sequential:
    """A Sequential model of the source's class, where its constructor takes layers."""
    if not takes_a_graph(type(source)):
        return keras.Sequential(stack, name=source.name)
    return _like(source, keras.Sequential, (stack,), copies)


def _like(source: keras.Model, base: type, graph: tuple, copies: Copies) -> keras.Model:
    """A model of the source's class, with the attributes that it has."""
    kind = type(source)
    # Its constructor may want more, which is no longer known; what it made of it is copied.
    model = kind.__new__(kind)
    base.__init__(model, *graph, name=source.name)
    for name, value in vars(source).items():
        of_keras = isinstance(value, _COMPILED) or is_keras(kind.__module__)
        known = name in vars(model) or name in _TRAINED or (of_keras and _is_private(name))
        if not known and not _is_made_anew(source, value, copies):
            is_its_own = inspect.ismethod(value) and value.__self__ is source
            renewed = MethodType(value.__func__, model) if is_its_own else None
            setattr(model, name, renewed or _renewed_within(value, copies))
    return model


def _is_made_anew(source: keras.Model, value, copies: Mapping) -> bool:
    """Whether an attribute holds what Keras itself makes with the graph, or what was edited."""
    operations = getattr(source, "operations", source.layers)
    mine = {source, *(x for x in operations if x not in copies)}
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
    if isinstance(value, keras.random.SeedGenerator):
        seeds = type(value).from_config(value.get_config())
        seeds.state.assign(numpy_copy(value.state))
        return seeds
    if not isinstance(value, keras.Layer):
        return value
    if value not in copies:
        # Beside the graph, such as a preprocessor.
        copy = copy_operation(value)
        copy_state(value, copy)
        return copy
    return copies[value]


def warn_of_losses(models: Mapping[keras.Model, keras.Model]) -> None:
    """One warning for all models of which something is gone in the new ones, with what it is."""
    shown = [
        f"`{old.name}` ({type(old).__name__}) is {_now(old, new)} without {', '.join(names)}"
        for old, new in models.items()
        if (names := _lost(old, new))
    ]
    if shown:
        warnings.warn(
            "Something of a subclass is gone in the new model. It comes back as its own class if "
            "its constructor takes a graph, and keeps attributes that hold no tensor, weight or "
            "swapped layer: " + "; ".join(shown) + ".",
            stacklevel=2,
        )


def _now(old: keras.Model, new: keras.Model) -> str:
    return "now" if type(old) is type(new) else f"a plain {type(new).__name__} now,"


def _lost(old: keras.Model, new: keras.Model) -> list[str]:
    """The methods and attributes that the old model has of its own."""
    attributes = {
        name: value
        for name, value in vars(old).items()
        if not (_is_private(name) or name in _TRAINED or hasattr(new, name))
    }
    if type(old) is type(new):
        return sorted(attributes)
    own = [kind for kind in type(old).__mro__ if not issubclass(type(new), kind)]
    methods = {name for kind in own if not _is_graph_class(kind) for name in vars(kind)}
    methods = {name for name in methods - _CONSTRUCTION if not _is_private(name)}
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
    """Whether it is found in the new graph by the names of the layers."""
    return any(isinstance(leaf, (keras.Operation, keras.Variable)) for leaf in _leaves(value))


def _leaves(value) -> list:
    try:
        return keras.tree.flatten(value)
    except TypeError:
        # The keys of a dictionary have no order, as where Keras keeps something for each layer.
        return [*value, *value.values()] if isinstance(value, Mapping) else [value]
