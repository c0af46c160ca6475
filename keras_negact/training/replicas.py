"""All replicas of a strategy, in this process and in the others."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_negact._packing import pack, unpack
from keras_negact.training import state
from keras_negact.training.cluster import read_cluster
from keras_negact.training.run import StopSignal
from keras_negact.training.tf_data import Shard, shard

# Messages between processes are limited to 2 GiB.
_NUMBERS_IN_A_MESSAGE = 2**24


class Replicas:
    """Steps on all replicas at once, and what they have to agree on.

    Every process of a cluster must call the same methods in the same order.

    Args:
        model: a compiled and built model, made in the scope of its strategy.
        stop: tells whether SIGTERM has come to this process.
        divided: whether every process has batches of its own, of which those of one step make a
            global batch.
    """

    def __init__(self, model: keras.Model, stop: StopSignal, divided: bool = False):
        self.stop_requested = False
        #: Whether any process has another batch, if they are divided.
        self.more = True
        self._divided = divided
        self._model = model
        self._strategy = model.distribute_strategy
        self._stop = stop
        self._stop_agreed = False
        clustered = isinstance(self._strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self._cluster = read_cluster() if clustered else None
        self._last_agreed = [variable.numpy() for variable in self._drifting]
        self._compiled: dict[Any, Callable] = {}
        self._no_flags = tf.zeros([3])
        self._add = tf.function(
            lambda numbers: self._strategy.run(self._add_on_replica, args=(numbers,)),
            reduce_retracing=True,
            autograph=False,
        )
        self._average = tf.function(
            lambda last: self._strategy.run(self._average_on_replica, args=(last,)), autograph=False
        )

    @property
    def is_chief(self) -> bool:
        return self._cluster is None or self._cluster.index == 0

    @property
    def count(self) -> int:
        return self._strategy.num_replicas_in_sync

    def shards(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Every global batch as one `Shard` for each replica of this process."""
        return shard(batches, self.count, self.mine)

    def shards_of_own(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Every batch of this process's own as one `Shard` for each of its replicas.

        Their shares are numbers of examples, which a step relates to those of all processes.
        """
        here = len(self.mine)
        return shard(batches, here, range(here), in_examples=True)

    def step(
        self,
        work: Callable[[Shard], Any],
        batch: Any,
        following: Iterator | None = None,
        at_most: int = 1,
        more: bool = True,
    ) -> tuple[dict[str, Any], int, Any]:
        """Do `work` on all replicas, once or several times before anybody is told.

        Args:
            work: what one replica does with its part of a batch.
            batch: the parts of this process, or a `tf.experimental.Optional` of them.
            following: gives the parts of the batches that come next; as many on every process.
            at_most: how many steps are done if there are so many batches.
            more: whether this process has another batch, if they are divided.

        Returns:
            The metrics so far, over all replicas; what `work` returns instead, if it does not tell
            metrics, in the mean over the replicas. How many steps were done. And the batch that
            comes next, as a `tf.experimental.Optional`, if it was told what follows.
        """
        flags = self._no_flags
        if self._cluster is not None:
            told = (self._stop.requested, self._model.stop_training, more)
            flags = tf.constant([float(flag) for flag in told])
        several = self._model.steps_per_execution > 1
        limit = tf.constant(at_most) if several else None
        logs, agreed, done, coming = self._function(work)(batch, flags, following, limit)
        if self._cluster is None:
            # Nobody else has to agree, so that the devices need not be waited for.
            self.stop_requested, self.more = self._stop.requested, more
        else:
            flags = agreed.numpy() > 0
            self.stop_requested, self._stop_agreed, self.more = (bool(flag) for flag in flags)
        return logs, int(done) if several else 1, coming

    @property
    def stopped(self) -> bool:
        """Whether a callback stopped training in the middle of an epoch.

        In a cluster the others learn of it with the next step, and all stop after that one.
        """
        return self._model.stop_training if self._cluster is None else self._stop_agreed

    def agree(self, wish: bool) -> bool:
        """Whether any process has that wish."""
        if self._cluster is None:
            return wish
        return bool(self._sum(np.array([int(wish)], "int32"))[0])

    def synchronize(self, seed: int) -> int:
        """Give every process the chief's variables.

        Returns:
            The chief's `seed`.
        """
        if self._cluster is None:
            return seed
        mine = {"variables": state.capture_variables(self._model), "seed": seed}
        chiefs = unpack(self.share(pack(mine) if self.is_chief else None))
        state.restore_variables(self._model, chiefs["variables"])
        return chiefs["seed"]

    def settle(self) -> None:
        """Average the moving statistics, which every replica updates by its own batches.

        Means are taken of the changes since the last time, so that what never changes stays the
        same to the last bit.
        """
        drifting = self._drifting
        if not drifting:
            return
        last = [tf.constant(value) for value in self._last_agreed]
        self._average(last)
        self._last_agreed = [variable.numpy() for variable in drifting]

    def share(self, content: bytes | None) -> bytes | None:
        """The chief's `content`, on every process."""
        size = -1 if content is None else len(content)
        size = int(self._from_chief(np.array([size], "int32"))[0])
        if size < 0:
            return None
        numbers = np.zeros(-(-size // 4), "int32")
        if self.is_chief:
            numbers = np.frombuffer(content + bytes(-size % 4), "int32")
        parts = [
            self._from_chief(numbers[start : start + _NUMBERS_IN_A_MESSAGE])
            for start in range(0, len(numbers), _NUMBERS_IN_A_MESSAGE)
        ]
        return np.concatenate(parts).tobytes()[:size]

    @property
    def mine(self) -> range:
        """The replicas of this process."""
        if self._cluster is None:
            return range(self.count)
        local = self.count // len(self._cluster.workers)
        return range(self._cluster.index * local, (self._cluster.index + 1) * local)

    @property
    def _drifting(self) -> list[keras.Variable]:
        return [
            variable
            for variable in self._model.non_trainable_weights
            if "float" in keras.backend.standardize_dtype(variable.dtype)
        ]

    def _average_on_replica(self, last: list[tf.Tensor]) -> None:
        changes = [v.value - before for v, before in zip(self._drifting, last, strict=True)]
        context = tf.distribute.get_replica_context()
        means = context.all_reduce(tf.distribute.ReduceOp.MEAN, changes)
        for variable, before, mean in zip(self._drifting, last, means, strict=True):
            variable.assign(before + mean)

    def _add_on_replica(self, numbers: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        counts = tf.equal(context.replica_id_in_sync_group, self.mine.start)
        return context.all_reduce("SUM", tf.where(counts, numbers, tf.zeros_like(numbers)))

    def _from_chief(self, numbers: np.ndarray) -> np.ndarray:
        return self._sum(numbers if self.is_chief else np.zeros_like(numbers))

    def _sum(self, numbers: np.ndarray) -> np.ndarray:
        """The sum over the processes."""
        result = self._add(tf.constant(numbers))
        return self._strategy.experimental_local_results(result)[0].numpy()

    def _function(self, work: Callable[[Shard], Any]) -> Callable:
        if work not in self._compiled:
            function = self._make_function(work)
            if not self._model.run_eagerly:
                function = tf.function(function, reduce_retracing=True, autograph=False)
            self._compiled[work] = function
        return self._compiled[work]

    def _make_function(self, work: Callable[[Shard], Any]) -> Callable:
        variables = self._model.metrics_variables

        def on_replica(shard: Shard) -> dict[str, tf.Tensor]:
            if self._divided:
                context = tf.distribute.get_replica_context()
                # Copied, for what comes from outside is on no device that could be summed to.
                size = tf.identity(shard.share)
                whole = context.all_reduce(tf.distribute.ReduceOp.SUM, size)
                shard = shard._replace(share=shard.share / whole)
            told = work(shard)
            told = told if isinstance(told, dict) else {}
            return {name: tf.cast(value, "float32") * shard.share for name, value in told.items()}

        def sum_up(told: dict[str, tf.Tensor], flags: tf.Tensor) -> list[tf.Tensor]:
            # One message for all the metrics: they are many, and small.
            return _sum_in_one_message(
                [*told.values(), *(variable.value for variable in variables), flags]
            )

        def one_step(parts: tuple[Shard, ...]) -> tuple[dict[str, tf.Tensor], ...]:
            told = self._strategy.run(on_replica, args=(self._distributed(parts),))
            each = {name: self._strategy.experimental_local_results(told[name]) for name in told}
            return tuple({name: each[name][i] for name in each} for i in range(len(self.mine)))

        def on_all(
            batch: Any, flags: tf.Tensor, following: Iterator | None, at_most: tf.Tensor | None
        ) -> tuple:
            parts = batch if isinstance(batch, tuple) else batch.get_value()
            told, done = one_step(parts), tf.constant(1)
            coming = None if following is None else following.get_next_as_optional()
            if at_most is not None:
                told, done, coming = _further_steps(one_step, told, coming, following, at_most)
            summed = self._strategy.run(sum_up, args=(self._distributed(told), flags))
            summed = [self._strategy.experimental_local_results(value)[0] for value in summed]
            *metrics, flags = summed[len(told[0]) :]
            with keras.StatelessScope(list(zip(variables, metrics, strict=True))):
                results = self._model.get_metrics_result()
            # As in Keras: a step of the model's own may return what is no metric of it.
            if told[0] and told[0].keys() != results.keys():
                results = dict(zip(told[0], summed, strict=False))
            return results, flags, done, coming

        return on_all

    def _distributed(self, parts: tuple) -> Any:
        """One part for each replica of this process, for all of them to work on."""
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: parts[context.replica_id_in_sync_group - self.mine.start]
        )


def _further_steps(
    one_step: Callable, told: tuple, coming: Any, following: Iterator, at_most: tf.Tensor
) -> tuple[tuple, tf.Tensor, Any]:
    """Steps until there are `at_most`, the first one included, or no batches are left.

    Returns:
        What the last step told, how many steps there were, and the batch that comes next.
    """

    def goes_on(done: tf.Tensor, coming: Any, _) -> tf.Tensor:
        return tf.logical_and(done < at_most, coming.has_value())

    def step(done: tf.Tensor, coming: Any, _) -> tuple:
        told = one_step(coming.get_value())
        return done + 1, following.get_next_as_optional(), told

    done, coming, told = tf.while_loop(goes_on, step, (tf.constant(1), coming, told))
    return told, done, coming


def _sum_in_one_message(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    flat = tf.concat([tf.reshape(tf.cast(tensor, "float32"), [-1]) for tensor in tensors], 0)
    summed = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, flat)
    parts = tf.split(summed, [int(np.prod(tensor.shape)) for tensor in tensors])
    return [
        tf.cast(tf.reshape(part, tensor.shape), tensor.dtype)
        for part, tensor in zip(parts, tensors, strict=True)
    ]
