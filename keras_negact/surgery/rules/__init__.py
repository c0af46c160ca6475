"""How each layer and operation follows a change of its input's channels."""

import keras

from keras_negact.surgery.functions import ACROSS_CHANNELS, argument_function, standalone_function
from keras_negact.surgery.rules import merging, mixing, operations, per_channel, reshaping
from keras_negact.surgery.rules.outcome import Conflict, Outcome, Question, Take

_BY_CLASS = {**mixing.RULES, **per_channel.RULES, **merging.RULES, **reshaping.RULES}

__all__ = ["Conflict", "Outcome", "Question", "Take", "answer", "is_mixing", "passes_channels"]


def answer(question: Question) -> Outcome:
    """What becomes of an operation whose input's channels have changed.

    Raises:
        Conflict: when it cannot follow them, or nothing is known about it.
    """
    operation = question.operation
    if not question.changed and question.wanted is None:
        return Outcome([None] * len(question.output_shapes))
    rule = _rule(operation)
    if rule is None:
        if all(channels.keeps_layout for channels in question.changed):
            return Outcome([None] * len(question.output_shapes))
        raise Conflict(f"nothing is known about {type(operation).__name__}", question.maps)
    if getattr(operation, "quantization_mode", None) or getattr(operation, "lora_enabled", False):
        raise Conflict(
            "it is quantized or has a LoRA kernel", question.changed or [question.wanted]
        )
    outcome = rule(question)
    if isinstance(operation, keras.Layer) and not question.bare:
        _check_behind(operation, outcome)
    return outcome


def is_mixing(operation) -> bool:
    """Whether a layer mixes all channels, so that its output can have any number of them."""
    return type(operation) in mixing.RULES and getattr(operation, "groups", 1) == 1


def passes_channels(operation) -> bool:
    """Whether an operation's output has the channels of its inputs, in their order."""
    kind = type(operation)
    return (
        (kind in per_channel.RULES and getattr(operation, "depth_multiplier", 1) == 1)
        or kind in merging.ELEMENT_WISE
        or (not isinstance(operation, keras.Layer) and _rule(operation) in _PASSING)
    )


_PASSING = (merging.element_wise, per_channel.unchanged, per_channel.activation)


def _rule(operation):
    # Exact classes: a subclass may do anything.
    if isinstance(operation, keras.Layer):
        return _BY_CLASS.get(type(operation))
    rule = operations.RULES.get(type(operation).__name__)
    return rule or (per_channel.activation if standalone_function(operation) else None)


def _check_behind(operation, outcome: Outcome) -> None:
    changed = [channels for channels in outcome.maps if channels is not None]
    if not changed:
        return
    if operation.activity_regularizer is not None and not changed[0].keeps_layout:
        raise Conflict("its activity regularizer would see more channels", changed)
    fused = argument_function(getattr(operation, "activation", None))
    if fused is None:
        return
    if fused.name in ACROSS_CHANNELS:
        raise Conflict(f"its activation {fused.name} looks at all channels at once", changed)
    if fused.layer is not None or fused.name.startswith("custom"):
        raise Conflict(f"nothing is known about its activation {fused.name!r}", changed)
