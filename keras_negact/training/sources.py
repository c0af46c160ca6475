"""Where the batches of one process come from, and how an epoch begins in its middle.

A source gives its batches in passes. With a number of steps for each epoch, an epoch begins where
the one before it ended, as in `Model.fit`; a pass then goes on over several epochs. Arrays, which
are put in batches here, have a file of their own.
"""

import itertools
import random
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_negact import _checks
from keras_negact.training.state import random_state_kept


class Place(NamedTuple):
    """Where a run stands.

    Args:
        epoch: epochs that are done.
        step: steps of the next one that are done.
        pass_epoch: the epoch with which the pass at hand began.
        pass_steps: steps of the pass that earlier epochs have done.
    """

    epoch: int
    step: int
    pass_epoch: int
    pass_steps: int

    @property
    def skip(self) -> int:
        """Batches of the pass that are done."""
        return self.pass_steps + self.step


class Source:
    """Where the batches come from.

    Attributes:
        steps: batches of a whole pass, where that can be told without reading them.
        by_epoch: every epoch has data of its own, so that `Model.fit` is called for each.
        skips: it can begin in the middle of a pass.
        size: what it says of its size to tell one run's data from another's.
        class_weight: what is left to `Model.fit` to do.
        seed: fixes the order of what is shuffled here.
        first_epoch: the epoch with which the run began, interruptions included.
        parts: among how many workers the data are divided; `None` where every one reads all.
        fixed: the size that all batches have, where that is known.
        once: its batches come once, so that no pass follows the first.
    """

    steps: int | None = None
    by_epoch = False
    skips = True
    size: Any = None
    class_weight: dict[int, float] | None = None
    parts: int | None = None
    fixed: int | None = None
    once = False

    def __init__(self) -> None:
        # From Python's generator, which `keras.utils.set_random_seed` seeds. A run that goes on
        # from a backup takes over the seed of the run before.
        self.seed = random.randrange(2**31)
        self.first_epoch = 0
        self._pass_epoch = 0

    def pass_begins(self, epoch: int) -> None:
        """Told by the run when a pass begins with `epoch`, before its first batch is asked for."""
        self._pass_epoch = epoch

    def example(self, whole: bool = False) -> Any:
        """A batch, or one like it, to build a model with; `whole`: of as many examples."""
        raise NotImplementedError

    def begin(self, place: Place, limit: int | None) -> Any:
        """What `Model.fit` is given.

        Args:
            place: where to begin.
            limit: how many batches will be asked for in all; `None` if that is open.
        """
        raise NotImplementedError


class Batches(Source):
    """A `tf.data.Dataset` or another iterable that gives its batches anew in every pass."""

    def __init__(self, dataset: Any, class_weight: dict[int, float] | None = None):
        super().__init__()
        self._dataset = dataset
        self.class_weight = class_weight
        self.skips = hasattr(dataset, "skip")
        self.fixed = fixed_size(dataset)
        self.steps = number_of_batches(dataset)
        self.size = self.steps

    def example(self, whole: bool = False) -> Any:
        with random_state_kept():
            return example_of(self._dataset, whole)

    def begin(self, place: Place, limit: int | None) -> Any:
        return self._dataset.skip(place.skip) if place.skip else self._dataset


class OfEpoch(Source):
    """A function from an epoch to its dataset."""

    by_epoch = True

    def __init__(self, function: Callable, class_weight: dict[int, float] | None = None):
        super().__init__()
        self._function, self._class_weight = function, class_weight
        first = self._dataset(0)
        # Those of a `tf.data.Dataset` are in it already.
        self.class_weight = None if is_tf_dataset(first) else class_weight
        self.fixed = fixed_size(first)
        self.steps = number_of_batches(first)
        self.size = self.steps

    def example(self, whole: bool = False) -> Any:
        with random_state_kept():
            return example_of(self._dataset(0), whole)

    def begin(self, place: Place, limit: int | None) -> Any:
        dataset, skip = self._dataset(place.epoch), place.skip
        if isinstance(dataset, keras.utils.PyDataset):
            return InOrder(dataset, skip=skip, limit=limit) if skip or limit else dataset
        dataset = dataset.skip(skip) if skip else dataset
        return dataset if limit is None else dataset.take(limit)

    def _dataset(self, epoch: int) -> Any:
        dataset = self._function(epoch)
        self._check(dataset)
        return weighed(dataset, self._class_weight) if is_tf_dataset(dataset) else dataset

    @staticmethod
    def _check(dataset: Any) -> None:
        if not (is_tf_dataset(dataset) or isinstance(dataset, keras.utils.PyDataset)):
            raise ValueError(
                "The function given as `x` must return a `tf.data.Dataset` or a "
                f"`keras.utils.PyDataset` for an epoch. Received: {type(dataset).__name__}"
            )


class OfWorker(OfEpoch):
    """A function from an epoch, a worker and the number of workers to that worker's dataset."""

    def __init__(
        self,
        function: Callable,
        class_weight: dict[int, float] | None = None,
        worker: int = 0,
        workers: int = 1,
    ):
        super().__init__(lambda epoch: function(epoch, worker, workers), class_weight)
        self.parts = workers
        # The part of one worker says nothing about the whole.
        self.steps = self.size = None


class PyDataset(Source):
    """A `keras.utils.PyDataset`, whose batches come in an order that is a function of the epoch."""

    def __init__(
        self,
        dataset: keras.utils.PyDataset,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
    ):
        super().__init__()
        self._dataset = dataset
        self._shuffled = shuffle
        self._begun: InOrder | None = None
        self.class_weight = class_weight
        self.steps = number_of_batches(dataset)
        self.size = self.steps

    def example(self, whole: bool = False) -> Any:
        with random_state_kept():
            return self._dataset[0]

    def order(self, epoch: int) -> np.ndarray | None:
        """The numbers of the batches in a pass that begins with `epoch`; `None`: as they come."""
        if not self._shuffled or self.steps is None:
            return None
        return np.random.default_rng((self.seed, epoch)).permutation(self.steps)

    def begin(self, place: Place, limit: int | None) -> Any:
        if self._begun is None:
            # `Model.fit` does so too, before the first epoch.
            self._dataset.on_epoch_end()
            # A dataset that counts its epochs has to know of those before an interruption.
            for _ in range(self.first_epoch, place.epoch):
                self._dataset.on_epoch_begin()
                self._dataset.on_epoch_end()
        self._begun = InOrder(self._dataset, self.order(place.pass_epoch), place.skip)
        return self._begun

    def pass_begins(self, epoch: int) -> None:
        self._begun.order = self.order(epoch)


class InOrder(keras.utils.PyDataset):
    """The batches of another dataset, in another order.

    Args:
        dataset: the other dataset.
        order: numbers of its batches; `None` leaves them in their order.
        skip: how many of them to leave out in front.
        limit: how many to give at most; `None`: all.
    """

    def __init__(
        self,
        dataset: keras.utils.PyDataset,
        order: np.ndarray | None = None,
        skip: int = 0,
        limit: int | None = None,
    ):
        super().__init__(
            workers=dataset.workers,
            use_multiprocessing=dataset.use_multiprocessing,
            max_queue_size=dataset.max_queue_size,
        )
        self.order = order
        self._dataset, self._skip, self._limit = dataset, skip, limit
        self._in_epoch = False

    @property
    def num_batches(self) -> int | None:
        steps = self._dataset.num_batches
        left = None if steps is None else steps - self._skip
        return min((x for x in (left, self._limit) if x is not None), default=None)

    def __getitem__(self, number: int) -> Any:
        number += self._skip
        return self._dataset[number if self.order is None else int(self.order[number])]

    def on_epoch_begin(self) -> None:
        self._in_epoch = True
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        # `Model.fit` also calls this before its first epoch, every time that it is called.
        if self._in_epoch:
            self._in_epoch = False
            self._dataset.on_epoch_end()


class Stream(Source):
    """A Python generator: every batch comes once."""

    once = True

    def __init__(self, generator: Iterator, class_weight: dict[int, float] | None = None):
        super().__init__()
        if class_weight is not None:
            raise ValueError("`class_weight` does not go with a Python generator.")
        self._generator = generator
        self._taken = 0

    def example(self, whole: bool = False) -> Any:
        return self._first("The generator must yield at least one batch. It is empty.")

    def _first(self, otherwise: str) -> Any:
        """The next batch, which stays in the generator."""
        try:
            first = next(self._generator)
        except StopIteration:
            raise ValueError(otherwise) from None
        self._generator = itertools.chain([first], self._generator)
        return first

    def begin(self, place: Place, limit: int | None) -> Any:
        # What an interrupted run was trained on; afterwards the generator stands where it ought to.
        for _ in itertools.islice(self._generator, place.skip - self._taken):
            pass
        self._first(
            f"The generator has no batches left for epoch {place.epoch + 1}: {place.skip} were "
            "trained on before, or asked for. It must yield `steps_per_epoch * epochs` of them."
        )
        self._taken = place.skip + (limit or 0)
        return _generator(itertools.islice(self._generator, limit))


def _generator(batches: Iterator) -> types.GeneratorType:
    yield from batches


def is_function_of_epoch(x: Any) -> bool:
    """Whether `x` is a function that gives data for an epoch."""
    return callable(x) and not isinstance(x, keras.utils.PyDataset) and not is_tf_dataset(x)


def takes(function: Callable, arguments: int) -> bool:
    """Whether `function` can be called with so many arguments."""
    try:
        _checks.function("x", function, arguments)
    except ValueError:
        return False
    return True


def is_tf_dataset(x: Any) -> bool:
    """Whether `x` is a `tf.data.Dataset`, without importing TensorFlow to find out."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(x, tensorflow.data.Dataset)


def weighed(dataset: Any, class_weight: dict[int, float] | None) -> Any:
    """A `tf.data.Dataset` with the weight of its class for each example.

    Keras's own way is the same where every class has a weight, and fails in the middle of the first
    epoch for other targets.

    Raises:
        ValueError: if the targets are no classes, or there are weights already.
    """
    if class_weight is None:
        return dataset
    from keras_negact.training.tf_data import with_class_weights

    return with_class_weights(dataset, class_weight)


def fixed_size(dataset: Any) -> int | None:
    """The size of all batches of a `tf.data.Dataset`, where it tells that."""
    if not is_tf_dataset(dataset):
        return None
    shapes = [getattr(leaf, "shape", None) for leaf in keras.tree.flatten(dataset.element_spec)]
    sizes = {shape[0] if shape is not None and shape.rank else None for shape in shapes}
    return sizes.pop() if len(sizes) == 1 else None


def number_of_batches(dataset: Any) -> int | None:
    """How many batches a pass has, where that can be told without reading them."""
    if is_tf_dataset(dataset):
        count = int(dataset.cardinality())
        return count if count >= 0 else None
    if isinstance(dataset, keras.utils.PyDataset):
        return dataset.num_batches
    return None


def example_of(dataset: Any, whole: bool = False) -> Any:
    """A batch of a dataset, or unless it is to be `whole` one like it where its shape is known.

    A batch that is read counts: a dataset that is shuffled anew at every reading goes on with
    another order.
    """
    if isinstance(dataset, keras.utils.PyDataset):
        return dataset[0]
    if is_tf_dataset(dataset) and not whole:
        from keras_negact.training.tf_data import ones_like

        example = ones_like(dataset.element_spec)
        if example is not None:
            return example
    for batch in dataset:
        return batch
    raise ValueError("The dataset has no batches.")
