"""Which layer alone feeds which, seen past what does nothing in inference."""

from collections.abc import Callable

import keras
from keras import layers

from keras_negact.surgery.functions import argument_function
from keras_negact.surgery.trace import Call, Trace

_ONLY_IN_TRAINING = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
)


class NotFoldable(Exception):
    """Says why something stays as it is."""


class Neighbours:
    """The neighbours of the operations of a network, as they are in inference.

    Args:
        trace: the calls of the network.

    Attributes:
        removed: the ids of the operations that folding has taken out; it is to be kept up to date.
    """

    def __init__(self, trace: Trace):
        self.trace = trace
        self.removed: set[int] = set()
        self._calls: dict[int, list[Call]] = {}
        for call in trace.calls:
            self._calls.setdefault(id(call.operation), []).append(call)
        self._training = _called_in_training(trace)

    def runs_as_in_training(self, operation: keras.Operation) -> bool:
        """Whether a call of it, or of a model around it, says `training=True`."""
        return any(id(call) in self._training for call in self._calls[id(operation)])

    def before(self, operation: keras.Operation) -> keras.Operation:
        """The operation that feeds this one, always, and nothing else.

        Raises:
            NotFoldable: when there is none.
        """
        feeding = {}
        for call in self._calls[id(operation)]:
            producer = self._producer(call.inputs[0])
            feeding[id(producer.operation)] = producer.operation
        if len(feeding) > 1:
            names = ", ".join(found.name for found in feeding.values())
            raise NotFoldable(f"it is shared, behind {names}")
        (before,) = feeding.values()
        self._check_feeds_only(before, operation)
        return before

    def behind(
        self, operation: keras.Operation, passes: Callable[[keras.Operation], bool]
    ) -> keras.Operation:
        """The operation that is fed by this one, always, and by nothing else.

        Args:
            passes: whether to see past an operation.

        Raises:
            NotFoldable: when there is none.
        """
        after = self._reader(operation)
        while passes(after):
            self._check_fed_only(after, operation)
            operation, after = after, self._reader(after)
        self._check_fed_only(after, operation)
        return after

    def _reader(self, operation):
        (number, *_) = self._calls[id(operation)][0].outputs
        readers = self._readers(number)
        after = readers[0].operation if readers and readers[0] is not None else None
        if after is not None:
            self._check_feeds_only(operation, after)
            return after
        raise NotFoldable(f"the output of {operation.name} is the model's")

    def _check_feeds_only(self, before, operation) -> None:
        for call in self._calls[id(before)]:
            for number in call.outputs:
                for reader in self._readers(number):
                    if reader is None:
                        raise NotFoldable(f"the output of {before.name} is the model's too")
                    if reader.operation is not operation:
                        name = reader.operation.name
                        raise NotFoldable(f"the output of {before.name} is used by {name} too")

    def _check_fed_only(self, after, operation) -> None:
        for call in self._calls[id(after)]:
            for number in call.inputs:
                if self._producer(number).operation is not operation:
                    raise NotFoldable(f"{after.name} has other inputs too")

    def _producer(self, number: int) -> Call:
        call = self.trace.producers[number]
        while self._is_passage(call):
            call = self.trace.producers[call.inputs[0]]
        return call

    def _readers(self, number: int) -> list[Call | None]:
        """The calls that read a tensor; `None` for the outside of the model."""
        readers: list[Call | None] = [None] if number in self.trace.outputs else []
        for call in self.trace.consumers.get(number, ()):
            if self._is_passage(call):
                readers += self._readers(call.outputs[0])
            else:
                readers.append(call)
        return readers

    def _is_passage(self, call: Call) -> bool:
        operation = call.operation
        if id(operation) in self.removed:
            return True
        if isinstance(operation, layers.InputLayer):
            return bool(call.inputs)
        if type(operation) is layers.Activation:
            return argument_function(operation.activation) is None
        return type(operation) in _ONLY_IN_TRAINING and id(call) not in self._training


def _called_in_training(trace: Trace) -> set[int]:
    """The ids of the calls that run as in training, whatever the outermost model is told."""
    prefixes = {
        call.path.rsplit("/", 1)[0] + "/"
        for call in trace.calls
        if isinstance(call.operation, layers.InputLayer) and call.node and _says_training(call.node)
    }
    return {
        id(call)
        for call in trace.calls
        if (call.node and _says_training(call.node))
        or any(call.path.startswith(prefix) for prefix in prefixes)
    }


def _says_training(node) -> bool:
    return bool(node.kwargs.get("training")) or any(value is True for value in node.args[1:])
