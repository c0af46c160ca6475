"""All that is known of each layer and operation, found by its exact class."""

from dataclasses import replace

import keras

from keras_negact.surgery.functions import argument_function
from keras_negact.surgery.handlers import (  # noqa: F401
    activations,
    leni,
    merging,
    mixing,
    operations,
    per_channel,
    reshaping,
    rivals,
)
from keras_negact.surgery.handlers.public import keep_channels, mix_channels, refuse
from keras_negact.surgery.registry import (
    function_of,
    known_base,
    register,
    rule_of,
    rule_of_base,
    template_of,
)
from keras_negact.surgery.vocabulary import Conflict, Outcome, Question, Rule, Take

__all__ = [
    "Conflict",
    "Outcome",
    "Question",
    "Rule",
    "Take",
    "answer",
    "function_of",
    "keep_channels",
    "known_base",
    "mix_channels",
    "refuse",
    "register",
    "rule_of",
    "rule_of_base",
    "template_of",
]


def answer(question: Question) -> Outcome:
    """What becomes of an operation whose input's channels have changed.

    Raises:
        Conflict: when it cannot follow them, or nothing is known about it.
    """
    operation, changed = question.operation, question.changed
    if not changed and question.wanted is None:
        return Outcome([None] * len(question.output_shapes))
    rule = rule_of(operation)
    if rule is None:
        if all(channels.keeps_layout for channels in changed):
            return Outcome([None] * len(question.output_shapes))
        raise Conflict(f"nothing is known about {type(operation).__name__}", question.maps)
    if getattr(operation, "quantization_mode", None):
        raise Conflict("it is quantized", changed or [question.wanted])
    if not rule.linear and not all(channels.is_plain for channels in changed):
        kind = type(operation).__name__
        raise Conflict(f"{kind} is not linear, and the parts are summed behind it", question.maps)
    outcome = rule.follow(question)
    if getattr(operation, "lora_enabled", False):
        outcome = _with_lora(operation, outcome)
    if isinstance(operation, keras.Layer) and not question.bare:
        _check_behind(operation, outcome, question)
    return outcome


def _with_lora(layer, outcome: Outcome) -> Outcome:
    """What happens to a kernel happens to the `A B` that is added to it.

    Its columns are those of B, its other axes those of A.
    """
    last = len(layer.kernel.shape) - 1
    of_kernel = outcome.takes.get("kernel", ())
    columns = [step for step in of_kernel if step.axis % (last + 1) == last]
    takes = {
        "lora_kernel_a": tuple(step for step in of_kernel if step not in columns),
        "lora_kernel_b": tuple(replace(step, axis=1) for step in columns),
    }
    takes = {name: steps for name, steps in takes.items() if steps}
    return replace(outcome, takes={**outcome.takes, **takes})


def _check_behind(operation, outcome: Outcome, question: Question) -> None:
    changed = [channels for channels in outcome.maps if channels is not None]
    if not changed:
        return
    if operation.activity_regularizer is not None and not changed[0].keeps_layout:
        raise Conflict("its activity regularizer would see more channels", changed)
    rule = rule_of(operation)
    if rule.fused:
        activations.check_element_wise(
            argument_function(operation.activation), question, "its activation "
        )
