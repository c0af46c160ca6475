"""The training data of one process: which batches an epoch has, and how to begin in its middle.

A source gives its batches in passes. With a number of steps for each epoch, an epoch begins where
the one before it ended, as in `Model.fit`; a pass then goes on over several epochs.
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
from keras_negact.training.arrays import (
    are_arrays,
    as_dense,
    class_weights,
    number_of_examples,
    one_for_each_output,
)


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
    """

    steps: int | None = None
    by_epoch = False
    skips = True
    size: Any = None
    class_weight: dict[int, float] | None = None
    parts: int | None = None

    def __init__(self) -> None:
        # From Python's generator, which `keras.utils.set_random_seed` seeds. A run that goes on
        # from a backup takes over the seed of the run before.
        self.seed = random.randrange(2**31)
        self.first_epoch = 0
        self._pass_epoch = 0

    def pass_begins(self, epoch: int) -> None:
        """Told by the run when a pass begins with `epoch`, before its first batch is asked for."""
        self._pass_epoch = epoch

    def example(self) -> Any:
        """A batch, or one like it, to build a model with."""
        raise NotImplementedError

    def begin(self, place: Place, limit: int | None) -> Any:
        """What `Model.fit` is given.

        Args:
            place: where to begin.
            limit: how many batches will be asked for in all; `None` if that is open.
        """
        raise NotImplementedError


class Arrays(Source):
    """Arrays, in an order that is a function of seed and epoch.

    Args:
        x, y, sample_weight, batch_size, shuffle, class_weight, steps_per_epoch: as for `Model.fit`.

    Raises:
        ValueError: if the arrays don't go together.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        batch_size: int | None = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        steps_per_epoch: int | None = None,
    ):
        super().__init__()
        x, y, sample_weight = (
            keras.tree.map_structure(as_dense, part) for part in (x, y, sample_weight)
        )
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("Give `class_weight` or `sample_weight`, not both.")
            sample_weight = class_weights(y, class_weight)
        elif sample_weight is not None and keras.tree.is_nested(y):
            sample_weight = one_for_each_output(sample_weight, y)
        self.arrays = keras.utils.pack_x_y_sample_weight(x, y, sample_weight)
        sizes = {len(array) for array in keras.tree.flatten(self.arrays) if array is not None}
        if len(sizes) != 1 or 0 in sizes:
            raise ValueError(
                "All arrays must hold the same number of examples, at least one. "
                f"Received: {sorted(sizes)}"
            )
        self.examples = sizes.pop()
        if batch_size is None and steps_per_epoch:
            batch_size = -(-self.examples // steps_per_epoch)
        self.batch_size = batch_size or 32
        self.steps = -(-self.examples // self.batch_size)
        self.size = [self.examples, self.batch_size]
        self._shuffled = shuffle

    def order(self, epoch: int) -> np.ndarray:
        """The numbers of the examples in the order of a pass that begins with `epoch`."""
        order = np.arange(self.examples)
        if not self._shuffled:
            return order
        generator = np.random.default_rng((self.seed, epoch))
        if self._shuffled == "batch":
            for start in range(0, self.examples, self.batch_size):
                generator.shuffle(order[start : start + self.batch_size])
            return order
        return generator.permutation(self.examples)

    def example(self) -> Any:
        return keras.tree.map_structure(lambda array: array[:1], self.arrays, none_is_leaf=False)

    def begin(self, place: Place, limit: int | None) -> Any:
        self._pass_epoch = place.pass_epoch
        if keras.backend.backend() == "tensorflow":
            from keras_negact.training.tf_data import gathered

            make = gathered
        else:
            make = _Gathered
        return make(self.arrays, self._order_now, self.batch_size, place.skip, self.steps)

    def _order_now(self) -> np.ndarray:
        return self.order(self._pass_epoch)


class _Gathered(keras.utils.PyDataset):
    """The batches of `Arrays`, made by NumPy."""

    def __init__(self, arrays, order, batch_size: int, skip: int, steps: int):
        super().__init__()
        self._arrays, self._order_of_pass = arrays, order
        self._batch_size, self._skip, self._steps = batch_size, skip, steps
        self._order = None

    def __len__(self) -> int:
        return self._steps - self._skip

    def __getitem__(self, number: int) -> Any:
        if number == 0:
            self._order = self._order_of_pass()
        start = (self._skip + number) * self._batch_size
        chosen = self._order[start : start + self._batch_size]
        batch = keras.tree.map_structure(
            lambda array: array[chosen], self._arrays, none_is_leaf=False
        )
        return batch if isinstance(batch, (tuple, dict)) else (batch,)


class Batches(Source):
    """A `tf.data.Dataset` or another iterable that gives its batches anew in every pass."""

    def __init__(self, dataset: Any, class_weight: dict[int, float] | None = None):
        super().__init__()
        self._dataset = dataset
        self.class_weight = class_weight
        self.skips = hasattr(dataset, "skip")
        self.steps = number_of_batches(dataset)
        self.size = self.steps

    def example(self) -> Any:
        return example_of(self._dataset)

    def begin(self, place: Place, limit: int | None) -> Any:
        return self._dataset.skip(place.skip) if place.skip else self._dataset


class OfEpoch(Source):
    """A function from an epoch to its dataset."""

    by_epoch = True

    def __init__(self, function: Callable, class_weight: dict[int, float] | None = None):
        super().__init__()
        self._function = function
        self.class_weight = class_weight
        first = function(0)
        self._check(first)
        self.steps = number_of_batches(first)
        self.size = self.steps

    def example(self) -> Any:
        return example_of(self._function(0))

    def begin(self, place: Place, limit: int | None) -> Any:
        dataset, skip = self._function(place.epoch), place.skip
        self._check(dataset)
        if isinstance(dataset, keras.utils.PyDataset):
            return InOrder(dataset, skip=skip) if skip else dataset
        dataset = dataset.skip(skip) if skip else dataset
        return dataset if limit is None else dataset.take(limit)

    @staticmethod
    def _check(dataset: Any) -> None:
        if not (is_tf_dataset(dataset) or isinstance(dataset, keras.utils.PyDataset)):
            raise ValueError(
                "The function given as `x` must return a `tf.data.Dataset` or a "
                f"`keras.utils.PyDataset` for an epoch. It returned: {type(dataset).__name__}"
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

    def example(self) -> Any:
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
    """

    def __init__(
        self, dataset: keras.utils.PyDataset, order: np.ndarray | None = None, skip: int = 0
    ):
        super().__init__(
            workers=dataset.workers,
            use_multiprocessing=dataset.use_multiprocessing,
            max_queue_size=dataset.max_queue_size,
        )
        self.order = order
        self._dataset, self._skip = dataset, skip
        self._in_epoch = False

    @property
    def num_batches(self) -> int | None:
        steps = self._dataset.num_batches
        return None if steps is None else steps - self._skip

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

    def __init__(self, generator: Iterator, class_weight: dict[int, float] | None = None):
        super().__init__()
        if class_weight is not None:
            raise ValueError("`class_weight` does not go with a Python generator.")
        self._generator = generator
        self._taken = 0

    def example(self) -> Any:
        try:
            first = next(self._generator)
        except StopIteration:
            raise ValueError("The generator must yield at least one batch. It is empty.") from None
        self._generator = itertools.chain([first], self._generator)
        return first

    def begin(self, place: Place, limit: int | None) -> Any:
        # What an interrupted run was trained on; afterwards the generator stands where it ought to.
        for _ in itertools.islice(self._generator, place.skip - self._taken):
            pass
        self._taken = place.skip + (limit or 0)
        return _generator(itertools.islice(self._generator, limit))


def _generator(batches: Iterator) -> types.GeneratorType:
    yield from batches


def source_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool | str = True,
    class_weight: dict[int, float] | None = None,
    steps_per_epoch: int | None = None,
    place_in_cluster: tuple[int, int] = (0, 1),
) -> Source:
    """The source for what `fit` is given, by the worker of that index among so many.

    Raises:
        ValueError: if the arguments contradict each other.
    """
    if are_arrays(x):
        return Arrays(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            class_weight=class_weight,
            steps_per_epoch=steps_per_epoch,
        )
    if y is not None or sample_weight is not None:
        raise ValueError("Targets and sample weights are part of the dataset: give `x` alone.")
    if isinstance(x, keras.utils.PyDataset):
        return PyDataset(x, shuffle, class_weight)
    if isinstance(x, types.GeneratorType):
        return Stream(x, class_weight)
    if is_function_of_epoch(x):
        if not _takes(x, 1) and _takes(x, 3):
            return OfWorker(x, class_weight, *place_in_cluster)
        return OfEpoch(_checks.function("x", x, arguments=1), class_weight)
    if not hasattr(x, "__iter__"):
        raise ValueError(
            "`x` must be arrays, a `tf.data.Dataset`, a `keras.utils.PyDataset`, a generator, or a "
            f"function `epoch -> tf.data.Dataset`. Received: {x!r}"
        )
    return Batches(x, class_weight)


def _takes(function: Callable, arguments: int) -> bool:
    try:
        _checks.function("x", function, arguments)
    except ValueError:
        return False
    return True


def is_function_of_epoch(x: Any) -> bool:
    """Whether `x` is a function that gives data for an epoch."""
    return callable(x) and not isinstance(x, keras.utils.PyDataset) and not is_tf_dataset(x)


def is_tf_dataset(x: Any) -> bool:
    """Whether `x` is a `tf.data.Dataset`, without importing TensorFlow to find out."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(x, tensorflow.data.Dataset)


def number_of_batches(dataset: Any) -> int | None:
    """How many batches a pass has, where that can be told without reading them."""
    if is_tf_dataset(dataset):
        count = int(dataset.cardinality())
        return count if count >= 0 else None
    if isinstance(dataset, keras.utils.PyDataset):
        return dataset.num_batches
    return None


def example_of(dataset: Any) -> Any:
    """A batch of a dataset, or one like it where its shape is known.

    A batch that is read counts: a dataset that is shuffled anew at every reading goes on with
    another order.
    """
    if isinstance(dataset, keras.utils.PyDataset):
        return dataset[0]
    if is_tf_dataset(dataset):
        from keras_negact.training.tf_data import ones_like

        example = ones_like(dataset.element_spec)
        if example is not None:
            return example
    for batch in dataset:
        return batch
    raise ValueError("The dataset has no batches.")


def require_data(x: Any) -> None:
    """Refuse what no model could be trained or evaluated on."""
    is_empty = are_arrays(x) and any(not len(leaf) for leaf in keras.tree.flatten(x))
    if x is None or isinstance(x, (str, bytes, int, float)) or is_empty:
        raise _checks.refused("x", "arrays with examples in them, or a data set", x)


def require_even_batches(name: str, data: Any, batch_size: int | None) -> None:
    """Fail before the first step if JAX could not cut the batches over its devices.

    The sizes of a `tf.data.Dataset` are found out by reading it once, if its end is known.

    Raises:
        ValueError: with the sizes that fit.
    """
    distribution = keras.distribution.distribution()
    if data is None or keras.backend.backend() != "jax" or distribution is None:
        return
    mesh = distribution.device_mesh
    devices = mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)]
    uneven = sorted(size for size in _batch_sizes(data, batch_size) if size % devices)
    if uneven:
        raise ValueError(
            f"Over {devices} devices, JAX needs batches of a multiple of {devices} examples, the "
            f"last one included. Received in `{name}` batches of {uneven}. Take a batch size that "
            f"is a multiple of {devices}, and a multiple of {devices} examples or "
            "`drop_remainder=True`."
        )


def _batch_sizes(data: Any, batch_size: int | None) -> set[int]:
    if is_function_of_epoch(data):
        data = data(0) if _takes(data, 1) else data(0, 0, 1)
    if isinstance(data, keras.utils.PyDataset):
        steps = data.num_batches
        batches = [data[number] for number in ({0, steps - 1} if steps else {0})]
    elif is_tf_dataset(data):
        batches = data if (number_of_batches(data) or 0) else data.take(1)
    elif are_arrays(data):
        count, batch_size = number_of_examples(data), batch_size or 32
        return {min(count, batch_size), count % batch_size} - {0}
    else:
        return set()
    return {number_of_examples(batch) for batch in batches}
