"""Activation layers and operations, and this package's own."""

import numpy as np
from keras import layers

from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.surgery import functions
from keras_negact.surgery.functions import Function
from keras_negact.surgery.handlers.insertion import PAIR_TEMPLATE
from keras_negact.surgery.handlers.per_channel import unchanged
from keras_negact.surgery.registry import register, register_operation
from keras_negact.surgery.vocabulary import Conflict, Outcome, Question, Rule, Take


def check_element_wise(function: Function | None, question: Question, which: str) -> None:
    """Refuse a function behind changed channels that is not known to work element by element."""
    if function is None:
        return
    maps = question.changed or [question.wanted]
    if function.name in functions.ACROSS_CHANNELS:
        raise Conflict(f"{which}{function.name} looks at all channels at once", maps)
    if function.name.startswith("custom") or function.layer is not None:
        raise Conflict(f"nothing is known about {which}{function.name!r}", maps)
    if not all(channels.is_plain for channels in question.changed):
        raise Conflict(f"{which}{function.name} is not linear", maps)


def _activation(of_layer) -> Rule:
    def follow(question: Question) -> Outcome:
        check_element_wise(of_layer(question.operation), question, "the function ")
        return Outcome([question.maps[0]])

    return Rule(follow, passes=True, function=of_layer)


@register(layers.ReLU)
def _(layer):
    return _activation(lambda x: functions.rectifier(x.max_value, x.negative_slope, x.threshold))


@register(layers.LeakyReLU)
def _(layer):
    return _activation(lambda x: functions.leaky(x.negative_slope))


@register(layers.ELU)
def _(layer):
    return _activation(lambda x: functions.elu(x.alpha))


@register(layers.Softmax)
def _(layer):
    return _activation(functions.softmax)


@register(layers.Activation)
def _(layer):
    of_layer = _activation(lambda x: functions.argument_function(x.activation))
    if of_layer.function(layer) is not None:
        return of_layer
    return Rule(unchanged, passes=True, linear=True, idle=True, passes_gates=True)


@register(layers.PReLU)
def _(layer):
    def follow(question: Question) -> Outcome:
        (channels,) = question.maps
        if channels.axis in (layer.shared_axes or []):
            return Outcome([channels])
        return Outcome([channels], takes={"alpha": (Take(channels.axis - 1, channels),)})

    def function(x):
        return Function("prelu", lambda: functions.fresh_copy(x), layer=x)

    return Rule(follow, passes=True, function=function)


@register(OnOffReLU)
def _(layer):
    def follow(question: Question) -> Outcome:
        (channels,) = question.maps
        width = channels.width
        source = np.concatenate([channels.source, channels.source + width])
        index = np.tile(np.arange(len(channels)), 2)
        return Outcome([channels.taken(index, source, 2 * width)])

    def function(x):
        return Function("on_off_relu", lambda: functions.fresh_copy(x), layer=x)

    return Rule(follow, function=function, template=PAIR_TEMPLATE)


def _operation(of_operation, *names: str) -> None:
    register_operation(*names)(lambda operation: _activation(of_operation))


_operation(lambda x: functions.rectifier(x.max_value, x.negative_slope, x.threshold), "ReLU")
_operation(lambda x: functions.leaky(x.negative_slope), "LeakyRelu")
_operation(lambda x: functions.elu(x.alpha), "Elu")
_operation(functions.celu, "Celu")
_operation(functions.gelu, "Gelu")
for _class_name, _name in functions.OPERATIONS.items():
    _operation(lambda x, name=_name: functions.as_called(x, name), _class_name)
