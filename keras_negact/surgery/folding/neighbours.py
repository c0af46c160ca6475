"""Which layer alone feeds which, seen past what does nothing in inference."""

from collections.abc import Callable, Iterator

import keras

from keras_negact.graph import Call, Graph
from keras_negact.surgery.handlers import rule_of
from keras_negact.surgery.kernels import NotFoldable


class Neighbours:
    """The neighbours of the operations of a network, as they are in inference.

    Args:
        graph: of the network.

    Attributes:
        removed: the operations that folding has taken out; it is to be kept up to date.
    """

    def __init__(self, graph: Graph):
        self.graph = graph
        self.removed: set[keras.Operation] = set()
        self._calls = graph.operations
        self._training = _called_in_training(graph)

    def runs_as_in_training(self, operation: keras.Operation) -> bool:
        """Whether a call of it, or of a model around it, says `training=True`."""
        return any(call in self._training for call in self._calls[operation])

    def before(self, operation: keras.Operation) -> keras.Operation:
        """The operation that feeds this one, always, and nothing else.

        Raises:
            NotFoldable: when there is none.
        """
        feeding = dict.fromkeys(
            producer.operation
            for call in self._calls[operation]
            for producer in self._producers(call.inputs[0])
        )
        if len(feeding) > 1:
            names = ", ".join(found.name for found in feeding)
            raise NotFoldable(f"it is shared, behind {names}")
        (before,) = feeding
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
        (tensor, *_) = self._calls[operation][0].outputs
        readers = self._readers(tensor)
        after = readers[0].operation if readers and readers[0] is not None else None
        if after is not None:
            self._check_feeds_only(operation, after)
            return after
        raise NotFoldable(f"the output of {operation.name} is the model's")

    def _check_feeds_only(self, before, operation) -> None:
        for call in self._calls[before]:
            for tensor in call.outputs:
                for reader in self._readers(tensor):
                    if reader is None:
                        raise NotFoldable(f"the output of {before.name} is the model's too")
                    if reader.operation is not operation:
                        name = reader.operation.name
                        raise NotFoldable(f"the output of {before.name} is used by {name} too")

    def _check_fed_only(self, after, operation) -> None:
        for call in self._calls[after]:
            for tensor in call.inputs:
                if any(found.operation is not operation for found in self._producers(tensor)):
                    raise NotFoldable(f"{after.name} has other inputs too")

    def _producers(self, tensor) -> Iterator[Call]:
        for call in self.graph.producers(tensor):
            if self._is_passage(call):
                yield from self._producers(call.inputs[0])
            else:
                yield call

    def _readers(self, tensor) -> list[Call | None]:
        """The calls that read a tensor; `None` for the outside of the model."""
        readers: list[Call | None] = [None] if self.graph.is_output(tensor) else []
        for call in self.graph.readers(tensor):
            if self._is_passage(call):
                readers += self._readers(call.outputs[0])
            else:
                readers.append(call)
        return readers

    def _is_passage(self, call: Call) -> bool:
        if call.operation in self.removed:
            return True
        rule = rule_of(call.operation)
        idle = rule is not None and rule.idle and not call.is_input
        return idle and call not in self._training


def _called_in_training(graph: Graph) -> set[Call]:
    """The calls that run as in training, whatever the outermost model is told."""
    found = {call for call in graph.all_calls if call.says_training}
    for body, calls in graph.bodies.items():
        if any(call.says_training for call in calls):
            found.update(body.all_calls)
    return found
