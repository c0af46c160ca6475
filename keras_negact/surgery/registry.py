"""Which rule holds for which layer, and how others add theirs."""

from collections.abc import Callable

import keras

from keras_negact import _checks
from keras_negact.surgery.vocabulary import Function, Rule, Template

_OF_LAYERS: dict[type, Callable[[keras.Layer], Rule]] = {}
# Operation classes have no public names; their class names are what tells them apart.
_OF_OPERATIONS: dict[str, Callable[[keras.Operation], Rule]] = {}


def register(*classes: type) -> Callable:
    """Says how a layer takes part in swaps, plans and folding: a decorator.

    The decorated function is given a layer of one of the classes and returns its rule; the layer is
    built, but where it is the one that is to be put in. Rules are made by `keep_channels`,
    `mix_channels` or `refuse`. A rule holds for these classes alone, not for their subclasses,
    which may do anything. A later registration replaces an earlier one.

        @keras_negact.surgery.register(ChannelScale)
        def channel_scale(layer):
            return keep_channels(weights={"scale": 0})

    Args:
        *classes: subclasses of `keras.Layer`.

    Returns:
        The decorator, which gives the function back.

    Raises:
        ValueError: when something else than a class of layers is given, or what is decorated is
            no function of a layer.

    Examples:
        >>> class Doubling(keras.layers.Layer):
        ...     def call(self, inputs):
        ...         return 2 * inputs
        >>> @register(Doubling)
        ... def doubling(layer):
        ...     return keep_channels(linear=True)
        >>> model = keras.Sequential([
        ...     keras.Input((3,)), keras.layers.ReLU(), Doubling(), keras.layers.Dense(2)
        ... ])
        >>> plan_activation_swap(model, "on_off_relu").sites[0].action
        'swap'
    """
    for kind in classes:
        if not (isinstance(kind, type) and issubclass(kind, keras.Layer)):
            raise ValueError(f"`register` takes subclasses of keras.Layer. Received: {kind!r}")
    if not classes:
        raise ValueError("`register` takes one subclass of keras.Layer or more. Received: none")

    def decorate(rule_of_layer):
        _checks.function("register's rule", rule_of_layer, arguments=1)
        _OF_LAYERS.update(dict.fromkeys(classes, rule_of_layer))
        return rule_of_layer

    return decorate


def register_operation(*names: str) -> Callable:
    """The same for the operations of `keras.ops`, by the names of their classes."""

    def decorate(rule_of_operation):
        _OF_OPERATIONS.update(dict.fromkeys(names, rule_of_operation))
        return rule_of_operation

    return decorate


def rule_of(operation) -> Rule | None:
    """The rule of exactly this class of operation; `None` where nothing is known."""
    if isinstance(operation, keras.Layer):
        found = _OF_LAYERS.get(type(operation))
    else:
        found = _OF_OPERATIONS.get(type(operation).__name__)
    return None if found is None else found(operation)


def rule_of_base(operation) -> Rule | None:
    """The rule of the nearest base with the same `call`: what it computes, it does not change."""
    for kind in type(operation).__mro__:
        if kind in _OF_LAYERS:
            same = kind.call is type(operation).call
            return _OF_LAYERS[kind](operation) if same else None
    return None if isinstance(operation, keras.Layer) else rule_of(operation)


def function_of(operation) -> Function | None:
    """The function of an activation layer or an activation operation; `None` for all others."""
    rule = rule_of_base(operation)
    return rule.function(operation) if rule is not None and rule.function is not None else None


def known_base(operation) -> type | None:
    """The nearest class in the operation's ancestry for which there is a rule."""
    return next((kind for kind in type(operation).__mro__ if kind in _OF_LAYERS), None)


def rule_of_costs(operation) -> Rule | None:
    """The rule that says what an operation costs: a subclass costs what its base does."""
    base = known_base(operation)
    return _OF_LAYERS[base](operation) if base is not None else rule_of(operation)


def template_of(layer: keras.Layer) -> Template:
    """What is known of an activation that is put in: a subclass is put in as its base is."""
    rule = rule_of_costs(layer)
    return Template() if rule is None else rule.template


def computes_activation(base: type, operation) -> bool:
    """Whether the base of an operation is an activation."""
    return _OF_LAYERS[base](operation).function is not None
