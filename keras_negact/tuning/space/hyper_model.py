"""A network, and all that it could be with LENI in it, as keras-tuner's hypermodel."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from keras_negact import LENI, _checks, clone_with_activation, plan_activation_swap
from keras_negact.tuning._keras_tuner import keras_tuner
from keras_negact.tuning.finite_loss import RefuseNanLoss
from keras_negact.tuning.space.base_network import (
    Base,
    describe_network,
    network_source,
    unchanged_copy,
)
from keras_negact.tuning.space.budget import MEASURES, Cost
from keras_negact.tuning.space.compilation import Compile, compiler
from keras_negact.tuning.space.leni_search_space import leni_search_space
from keras_negact.tuning.space.stages import NOWHERE, find_parts, subsets

_LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Point:
    """A point of the space: LENI's arguments, the names of the parts that get it, the rates."""

    block: dict[str, Any]
    parts: tuple[str, ...]
    learning_rate: Any
    weight_decay: Any


class LENIHyperModel(keras_tuner.HyperModel):
    """A search space around a network: which LENI, and where in the network, if anywhere.

    Formula: a point of the space is `(learning rate, weight decay, where, block)`. Its network is
    `clone_with_activation(base, LENI(**block), where=where)`, compiled with the two rates. `where`
    is a subset of the named parts of the network, and the empty one, `"nowhere"`, is the network as
    it is: the search may find that the block does not pay. The block is that of
    `leni_search_space`, with groups that divide the network's channels.

    Args:
        base: the network without the block: a model (stays as it is), a path to a saved one, the
            name of a `keras.applications` network, or a function without arguments that builds one
            (called for each trial, so that each has fresh weights).
        where_choices: named parts of the network that may get the block: from a name to a regular
            expression, or a list of them, matched against the paths of activations as by `where` of
            `clone_with_activation`. `None`: the stages, which are the activations of equal spatial
            size, named after it, such as `"32x32"`. Up to five parts have all their subsets in the
            space, more have all runs of neighbours.
        compile: a dictionary of arguments of `Model.compile`, whose optimizer (AdamW, if there is
            none) is made anew with the two rates, without decay of scales and biases; or a function
            `(model, learning_rate, weight_decay)` that compiles. `None`: as `base` is compiled.
        weights: `None`: those that `base` has. A path to a file of weights: those are loaded. For
            the name of a network also `"imagenet"`.
        learning_rate, weight_decay: fixed values or schedules. `None`: part of the space, from
            3e-4 to 1e-2 on a logarithmic scale, and 0, 0.01 or 0.05.
        synchronized: whether to make batch normalization synchronized, for several replicas.
        seed: set before each network is built, so that all trials start alike. `None`: not set.
        name: a name.

    Attributes:
        first_points: those that a search begins with: the default block wherever it may be, then
            the network without the block, both with the default rates.
        execution: which of a trial's executions is next, from 0: added to the seed. `None` outside
            of trials.

    Raises:
        ValueError: when an argument is not allowed, or a part has no activation to replace.
        FileNotFoundError: when there are no such weights.
        ImportError: if the extra `tune` is not installed.

    Examples:
        >>> def network():
        ...     convolution = keras.layers.Conv2D(4, 3, activation="relu")
        ...     pool = keras.layers.GlobalAveragePooling2D()
        ...     return keras.Sequential([keras.Input((8, 8, 1)), convolution, pool])
        >>> hypermodel = LENIHyperModel(network, compile={"loss": "mse"})
        >>> hypermodel.own_activation
        'relu'
        >>> hypermodel.point(hypermodel.parameters(where="nowhere")).parts
        ()
        >>> hypermodel.build(hypermodel.parameters()).count_params()
        84
    """

    first_points = ({}, {"where": NOWHERE})

    def __init__(
        self,
        base: Base,
        where_choices: Mapping[str, str | Sequence[str]] | None = None,
        compile: Compile = None,
        weights: str | os.PathLike | None = None,
        learning_rate: Any = None,
        weight_decay: Any = None,
        synchronized: bool = False,
        seed: int | None = None,
        name: str | None = None,
    ):
        if name is not None:
            name = _checks.text("name", name)
        if seed is not None:
            seed = _checks.integer("seed", seed, 0, _LARGEST_SEED)
        synchronized = _checks.flag("synchronized", synchronized)
        for argument, value in (("learning_rate", learning_rate), ("weight_decay", weight_decay)):
            if callable(value):
                _checks.function(argument, value, arguments=1)
            elif value is not None:
                _checks.number(argument, value, 0)
        super().__init__(name=name)
        self._network = network_source(base, weights)
        self._reference = self._network()
        self._compile = compiler(compile, self._reference)
        self._where_choices = where_choices
        self._parts = find_parts(self._reference, where_choices)
        self._subsets = subsets(list(self._parts))
        self._learning_rate, self._weight_decay = learning_rate, weight_decay
        self._synchronized, self._seed = synchronized, seed
        self._costs: dict[str, Cost] = {}
        self.execution: int | None = None

    @property
    def network(self) -> str:
        """The network without the block in a line, which is another one for another network."""
        return describe_network(self._reference)

    @property
    def own_activation(self) -> str:
        """What the block replaces, such as `"relu"`."""
        functions = (part.function for part in self._parts.values())
        return "+".join(dict.fromkeys(functions))

    def parameters(self, **values: Any) -> Any:
        """keras-tuner's `HyperParameters` with these values, and the defaults of the others."""
        parameters = keras_tuner.HyperParameters()
        parameters.values = values
        self.declare_hyperparameters(parameters)
        return parameters

    def declare_hyperparameters(self, hp) -> None:
        """Add all of the space to `hp`."""
        self.point(hp)

    def point(self, hp) -> Point:
        """The point of the space that `hp` stands for; what `hp` has not, is added to it."""
        rate, decay = self._learning_rate, self._weight_decay
        if rate is None:
            rate = hp.Float("learning_rate", 3e-4, 1e-2, sampling="log", default=3e-3)
        if decay is None:
            decay = hp.Choice("weight_decay", [0.0, 0.01, 0.05], default=0.01)
        where = hp.Choice("where", list(self._subsets))
        channels = frozenset().union(*(part.channels for part in self._parts.values()))
        with hp.conditional_scope("where", [name for name in self._subsets if name != NOWHERE]):
            block = leni_search_space(hp, channels=channels)
        return Point(block, self._subsets[where], rate, decay)

    def build(self, hp) -> keras.Model:
        """Build and compile the network of a point.

        Args:
            hp: keras-tuner's `HyperParameters`.
        """
        point = self.point(hp)
        if self._seed is not None:
            keras.utils.set_random_seed(self._seed + (self.execution or 0))
        network = self._network()
        if point.parts:
            model = clone_with_activation(
                network,
                LENI(**point.block),
                where=self._where(point.parts, network),
                synchronized=self._synchronized,
            )
        else:
            model = unchanged_copy(network, self._synchronized)
        self._compile(model, point.learning_rate, point.weight_decay)
        return model

    def fit(self, hp, model: keras.Model, *args, **kwargs) -> keras.callbacks.History:
        """Train a network by `keras_negact.training.fit`, whose arguments these are.

        Raises:
            NanLoss: after an epoch whose loss was not finite.
        """
        from keras_negact.training import fit

        if self.execution is not None:
            self.execution += 1
        # In front: what is not a number is not to be saved by the callbacks behind.
        callbacks = [RefuseNanLoss(), *(kwargs.pop("callbacks", None) or [])]
        return fit(model, *args, callbacks=callbacks, **kwargs)

    def cost(self, hp) -> Cost:
        """What the network of a point costs; it is not built for that.

        Args:
            hp: keras-tuner's `HyperParameters`.
        """
        point = self.point(hp)
        key = json.dumps([point.parts, point.block])
        if key not in self._costs:
            self._costs[key] = self._planned_cost(point)
        return self._costs[key]

    def _planned_cost(self, point: Point) -> Cost:
        if point.parts:
            block, where = LENI(**point.block), self._where(point.parts, self._reference)
        else:
            block, where = (lambda site: None), None
        report = plan_activation_swap(self._reference, block, where=where).report
        after, before = report.after, report.before
        relative = {
            measure: getattr(after, measure) / getattr(before, measure) for measure in MEASURES
        }
        return Cost(after.parameters, after.multiply_adds, relative)

    def _where(self, names: tuple[str, ...], network: keras.Model) -> list[str]:
        parts = self._parts
        if network is not self._reference:
            # Layers that a builder does not name have other names each time.
            parts = find_parts(network, self._where_choices)
        return [pattern for name in names for pattern in parts[name].where]
