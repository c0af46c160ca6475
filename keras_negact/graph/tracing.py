"""A subclassed model as a graph: what its `call` does to symbolic tensors."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import keras

from keras_negact.graph.recorded import recorded_calls


class Untraceable(ValueError):
    """Says why a model cannot be had as a graph."""


def traced(model: keras.Model, inputs=None) -> keras.Model:
    """A Functional model of the calls that a subclassed model makes, on the model's own layers.

    Args:
        model: the model, with all its layers built.
        inputs: symbolic inputs, in the structure that `call` takes; `None`: of the shapes that the
            model was built with.

    Raises:
        Untraceable: when `call` cannot run on symbolic tensors, does other things in training, or
            uses weights or losses that a graph of layers does not have.
    """
    inputs = _inputs(model) if inputs is None else inputs
    for training in (True, False):
        outputs = _called(model, inputs, training)
        calls = _outline(inputs, outputs)
        if training:
            in_training = calls
    if calls != in_training:
        raise Untraceable(_message(model, "its `call` does other things in training"))
    # Without a word on training, layers are told at each call.
    graph = keras.Model(inputs, _called(model, inputs, None), name=model.name)
    weights = graph.weights
    missing = [w.path for w in model.weights if not any(w is other for other in weights)]
    if missing:
        reason = f"these weights are in none of the layers that it calls: {missing[:5]}"
        raise Untraceable(_message(model, reason))
    return graph


def _called(model: keras.Model, inputs, training: bool | None):
    knows_training = "training" in inspect.signature(model.call).parameters
    with _without_losses(model):
        try:
            return model.call(inputs, **({"training": training} if knows_training else {}))
        except Untraceable:
            raise
        except Exception as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            reason = f"its `call` does not run on symbolic tensors: {first}"
            raise Untraceable(_message(model, reason)) from error


@contextmanager
def _without_losses(model: keras.Model) -> Iterator[None]:
    def refuse(loss):
        raise Untraceable(_message(model, "its `call` adds losses"))

    object.__setattr__(model, "add_loss", refuse)
    try:
        yield
    finally:
        object.__delattr__(model, "add_loss")


def _outline(inputs, outputs) -> list:
    """The operations in their order, apart from what they were told about training."""
    given, made = keras.tree.flatten(inputs), keras.tree.flatten(outputs)
    if not all(isinstance(tensor, keras.KerasTensor) for tensor in made):
        return [None]
    operations = [record.operation for record in recorded_calls(given, made)]
    return [x if isinstance(x, keras.Layer) else type(x) for x in operations]


def _inputs(model: keras.Model):
    shapes = (model.get_build_config() or {}) if model.built else {}
    if "input_shape" not in shapes:
        reason = "the shapes of its inputs are unknown: call it once, or give `inputs=`"
        raise Untraceable(_message(model, reason))

    def as_input(shape):
        if shape and all(size is None or isinstance(size, int) for size in shape):
            return keras.Input(tuple(shape)[1:], dtype=model.input_dtype)
        if isinstance(shape, dict):
            return {name: as_input(one) for name, one in shape.items()}
        return [as_input(one) for one in shape]

    return as_input(shapes["input_shape"])


def _message(model: keras.Model, reason: str) -> str:
    return (
        f"`{model.name}` ({type(model).__name__}) is a subclassed model, and Keras does not record "
        f"which layer of it feeds which. It cannot be traced either: {reason}. Put the activations "
        "into its code (give its constructor an `activation` argument and pass "
        "`keras_negact.LENI`), or make it Functional."
    )
