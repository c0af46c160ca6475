"""A subclassed model as a graph: what its `call` does to symbolic tensors."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager

import keras

from keras_negact.graph.recorded import recorded_calls, weights_told


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
    if inputs is None:
        inputs = _inputs(model)
        if not isinstance(model, keras.Function | keras.Sequential):
            inputs = _of_the_dtypes_read(inputs, _called(model, inputs, training=False))
    calls = _outline(inputs, _called(model, inputs, training=False))
    if calls != _outline(inputs, _called(model, inputs, training=True)):
        raise Untraceable(_message(model, "its `call` does other things in training"))
    # Without a word on training, layers are told at each call.
    graph = keras.Model(inputs, _called(model, inputs, None), name=model.name)
    unknown = _given_unknown_sizes(graph)
    if unknown:
        reason = (
            f"`{unknown[0]}` is given a size that is unknown in a graph, as `ops.shape(x)[0]` is: "
            "write -1, or give `inputs=` of known sizes"
        )
        raise Untraceable(_message(model, reason))
    weights = graph.weights
    missing = [w.path for w in model.weights if not any(w is other for other in weights)]
    if missing:
        reason = f"these weights are in none of the layers that it calls: {missing[:5]}"
        raise Untraceable(_message(model, reason))
    others = [(w, w + 1) for w in model.weights if keras.backend.is_float_dtype(w.dtype)]
    with keras.StatelessScope(state_mapping=others):
        with_others = _outline(inputs, _called(model, inputs, training=False))
    if calls != with_others or weights_told(graph.inputs, graph.outputs):
        reason = "a weight of a layer is used outside of that layer, where it would be a constant"
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
    """The operations in their order, with all that they are called with but a word on training."""
    given, made = keras.tree.flatten(inputs), keras.tree.flatten(outputs)
    if not all(isinstance(tensor, keras.KerasTensor) for tensor in made):
        return [None]
    known = {tensor: (-1, place) for place, tensor in enumerate(given)}
    calls = []
    for number, record in enumerate(recorded_calls(given, made)):
        calls.append((_identity(record.operation), _arguments(record, known)))
        known.update((tensor, (number, place)) for place, tensor in enumerate(record.outputs))
    return [*calls, [known[tensor] for tensor in made]]


def _identity(operation):
    """The layer itself; of an operation, which is made anew at each call, what it was made with."""
    if isinstance(operation, keras.Layer):
        return operation
    made_with = {name: x for name, x in vars(operation).items() if not name.startswith("_")}
    made_with.pop("name")
    return type(operation), _comparable(made_with, {})


def _given_unknown_sizes(graph: keras.Model) -> list[str]:
    """The operations that were made with sizes that only a tensor with values has."""
    operations = [x for x in graph.operations if not isinstance(x, keras.Layer)]

    def is_unknown(sizes) -> bool:
        return isinstance(sizes, (tuple, list)) and any(size is None for size in sizes)

    return [x.name for x in operations if any(map(is_unknown, vars(x).values()))]


def _arguments(record, known: dict) -> list:
    by_name = {name: x for name, x in record.arguments.kwargs.items() if name != "training"}
    return _comparable((record.arguments.args, by_name), known)


def _comparable(structure, known: dict) -> list:
    def renamed(x):
        if isinstance(x, keras.KerasTensor):
            return known[x]
        if isinstance(x, keras.Variable):
            return x.path
        if not hasattr(x, "shape"):
            return x
        return tuple(x.shape), keras.ops.convert_to_numpy(x).tobytes()

    return [(path, renamed(x)) for path, x in keras.tree.flatten_with_path(structure)]


def _inputs(model: keras.Model):
    if isinstance(model, (keras.Function, keras.Sequential)):
        # A graph that its `call` does more with.
        own = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
        return keras.tree.map_structure(
            lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), own
        )
    shapes = (model.get_build_config() or {}) if model.built else {}
    if "input_shape" not in shapes:
        reason = "the shapes of its inputs are unknown: call it once, or give `inputs=`"
        raise Untraceable(_message(model, reason))

    def as_input(shape, name=None):
        if shape and all(size is None or isinstance(size, int) for size in shape):
            return keras.Input(tuple(shape)[1:], dtype=model.input_dtype, name=name)
        if isinstance(shape, dict):
            return {name: as_input(one, name) for name, one in shape.items()}
        return [as_input(one) for one in shape]

    return as_input(shapes["input_shape"])


# Embeddings and lookups take integers and text as they are, which an input of a network's own dtype
# would round.
_READ = {
    keras.layers.Embedding: "int32",
    keras.layers.IntegerLookup: "int64",
    keras.layers.Hashing: "int64",
    keras.layers.CategoryEncoding: "int64",
    keras.layers.StringLookup: "string",
    keras.layers.TextVectorization: "string",
}


def _of_the_dtypes_read(inputs, outputs):
    """The inputs, of the dtype that the layers which read them ask for."""
    flat, made = keras.tree.flatten(inputs), keras.tree.flatten(outputs)
    if not all(isinstance(tensor, keras.KerasTensor) for tensor in made):
        return inputs
    asked = {}
    for record in recorded_calls(flat, made):
        dtype = _dtype_read(record.operation)
        for tensor in keras.tree.flatten((record.arguments.args, record.arguments.kwargs)):
            if dtype and isinstance(tensor, keras.KerasTensor):
                asked.setdefault(tensor, dtype)

    def again(tensor):
        dtype = asked.get(tensor, tensor.dtype)
        return keras.Input(batch_shape=tensor.shape, dtype=dtype, name=tensor.name)

    return keras.tree.map_structure(again, inputs) if asked else inputs


def _dtype_read(operation) -> str | None:
    if type(operation).__name__ == "Cast" and keras.backend.is_int_dtype(operation.dtype):
        return "int64"
    return next((dtype for kind, dtype in _READ.items() if isinstance(operation, kind)), None)


def _message(model: keras.Model, reason: str) -> str:
    return (
        f"`{model.name}` ({type(model).__name__}) is a subclassed model, and Keras does not record "
        f"which layer of it feeds which. It cannot be traced either: {reason}. Put the activations "
        "into its code (give its constructor an `activation` argument and pass "
        "`keras_negact.LENI`), or make it Functional."
    )
