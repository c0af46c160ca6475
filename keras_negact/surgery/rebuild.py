"""A model made anew, operation by operation, with its graph, names and sharing."""

from collections.abc import Callable

import keras
from keras import layers

from keras_negact.surgery.graph import Node, is_graph_model, producer, read_graph

Replace = Callable[[keras.Operation, tuple], list[keras.Operation] | None]


class Rebuilder:
    """Rebuilds a Functional or Sequential model, with the models nested in it.

    Args:
        replace: called with an operation and the shape of its output, for every call of it. It
            gives the operations to apply instead, one after the other (none: the input is passed
            on), or `None` for a plain copy. Operations that stay shared it has to give again.

    Attributes:
        copies: the new operation for each one that was copied, by the id of the old one.
    """

    def __init__(self, replace: Replace):
        self.replace = replace
        self.copies: dict[int, keras.Operation] = {}

    def model(self, source: keras.Model) -> keras.Model:
        """The new model; the same one for the same source."""
        if id(source) not in self.copies:
            is_sequential = isinstance(source, keras.Sequential)
            rebuild = self._sequential if is_sequential else self._functional
            self.copies[id(source)] = rebuild(source)
        return self.copies[id(source)]

    def _functional(self, source: keras.Model) -> keras.Model:
        tensors = {}
        for tensor in source.inputs:
            (input_layer,) = self._operations(producer(tensor), tensor.shape)
            tensors[id(tensor)] = input_layer.output
        for node in read_graph(source.inputs, source.outputs):
            outputs = self._call(node, tensors)
            tensors.update((id(old), x) for old, x in zip(node.outputs, outputs, strict=True))

        def renewed(structure):
            return keras.tree.map_structure(lambda tensor: tensors[id(tensor)], structure)

        inputs, outputs = renewed(source.input), renewed(source.output)
        return _functional_class(source)(inputs, outputs, name=source.name)

    def _call(self, node: Node, tensors: dict) -> list:
        def renewed(x):
            return tensors[id(x)] if isinstance(x, keras.KerasTensor) else x

        result = tensors[id(node.inputs[0])]
        operations = self._operations(node.operation, node.outputs[0].shape)
        for position, operation in enumerate(operations):
            if position == 0 and type(operation) is type(node.operation):
                args, kwargs = keras.tree.map_structure(renewed, (node.args, node.kwargs))
                result = operation(*args, **kwargs)
            else:
                result = operation(result)
        return keras.tree.flatten(result)

    def _sequential(self, source: keras.Sequential) -> keras.Model:
        (tensor,) = source.inputs
        stack = self._operations(producer(tensor), tensor.shape)
        for node in read_graph(source.inputs, source.outputs):
            stack = stack + self._operations(node.operation, node.outputs[0].shape)
        return _sequential_class(source)(stack, name=source.name)

    def _operations(self, operation: keras.Operation, shape: tuple) -> list:
        replaced = self.replace(operation, tuple(shape))
        if replaced is not None:
            return replaced
        if is_graph_model(operation):
            return [self.model(operation)]
        if id(operation) not in self.copies:
            self.copies[id(operation)] = copy_operation(operation)
        return [self.copies[id(operation)]]


def copy_operation(operation: keras.Operation, **changes) -> keras.Operation:
    """The same operation with fresh weights, made through its config.

    Args:
        changes: constructor arguments to change.

    Raises:
        ValueError: when the operation cannot be made again from its config.
    """
    try:
        config = {**operation.get_config(), **_unserialized(operation), **changes}
        if isinstance(operation, layers.Lambda):
            copy = _copy_lambda(operation, config)
        else:
            copy = type(operation).from_config(config)
    except Exception as error:
        raise ValueError(
            f"`{operation.name}` ({type(operation).__name__}) cannot be copied, because it cannot "
            f"be made again from its config: {str(error).splitlines()[0]} Give its class a "
            "`get_config` that returns all the arguments of its constructor."
        ) from error
    # Some operations do not take a name.
    copy.name = changes.get("name", operation.name)
    return copy


def _copy_lambda(layer: layers.Lambda, config: dict) -> layers.Lambda:
    # The function was not loaded from anywhere: it is the caller's own, and here.
    own = {layer.function.__name__: layer.function}
    copy = type(layer).from_config(config, custom_objects=own, safe_mode=False)
    copy.function = layer.function
    return copy


def _unserialized(operation: keras.Operation) -> dict:
    """A function given as `activation=` goes on as it is: Keras may have no name for it."""
    activation = getattr(operation, "activation", None)
    is_function = callable(activation) and not isinstance(activation, keras.Layer)
    return {"activation": activation} if is_function and hasattr(operation, "activation") else {}


def _functional_class(source: keras.Model) -> type:
    """The source's class where its constructor is Functional's own, else plain Functional."""
    functional = next(kind for kind in type(source).__mro__ if keras.Function in kind.__bases__)
    return type(source) if type(source).__init__ is functional.__init__ else keras.Model


def _sequential_class(source: keras.Sequential) -> type:
    is_plain = type(source).__init__ is keras.Sequential.__init__
    return type(source) if is_plain else keras.Sequential
