"""What a network throws away, activation by activation."""

import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from keras_negact import _checks
from keras_negact._progress import Progress
from keras_negact._table import Shown, Table, dimensions
from keras_negact.analysis import pictures
from keras_negact.analysis.gradients import units_without_gradient
from keras_negact.analysis.observation import Observation
from keras_negact.analysis.replay import Replay, left_as_it_is


@dataclasses.dataclass(frozen=True)
class SiteReport:
    """What was seen at one activation. All shares are from 0 to 1, except `seen_energy`.

    Attributes:
        path: names from the outermost model inwards, joined by `/`.
        function: the activation's.
        shape: of the feature maps, with `None` where unknown.
        dead_channels: share of channels that are positive nowhere, on no example.
        negative_share: share of the values in front of the activation that are negative.
        discarded_energy: `||relu(-x)||^2 / ||x||^2` over the data: what a ReLU would discard.
        seen_energy: `||f(x) - f(relu(x))||^2 / ||relu(-x)||^2`: what the layer behind is given of
            it, by the activation `f` that is there. 0 for ReLU, 1 for ON/OFF ReLU, `a^2` for a
            slope `a`; a trained LENI may amplify it beyond 1.
        units_without_gradient: share of the values in front of the activation that a backward pass
            over one batch does not reach.

    Examples:
        >>> leaky = keras.layers.LeakyReLU(negative_slope=0.5, name="leaky")
        >>> model = keras.Sequential([keras.Input((2,)), leaky, keras.layers.Dense(1)])
        >>> site = negative_information_report(model, np.array([[-3.0, 4.0]]), verbose=0).sites[0]
        >>> site.path, site.function, site.negative_share
        ('leaky', 'leaky_relu', 0.5)
    """

    path: str
    function: str
    shape: tuple
    dead_channels: float
    negative_share: float
    discarded_energy: float
    seen_energy: float
    units_without_gradient: float


@dataclasses.dataclass(frozen=True, repr=False)
class NegativeInformationReport(Shown):
    """What a network throws away; its representation is its table.

    Attributes:
        model: the network's name.
        examples: how many it was shown.
        gradient_examples: how many were in the batch of the backward pass.
        sites: a `SiteReport` for each activation, in the order of the computation.

    Examples:
        >>> leaky = keras.layers.LeakyReLU(negative_slope=0.5, name="leaky")
        >>> model = keras.Sequential([keras.Input((2,)), leaky, keras.layers.Dense(1)])
        >>> report = negative_information_report(model, np.array([[-3.0, 4.0]]), verbose=0)
        >>> report.examples, len(report.sites)
        (1, 1)
        >>> sorted(report.to_dict())
        ['examples', 'gradient_examples', 'model', 'sites']
    """

    model: str
    examples: int
    gradient_examples: int
    sites: list[SiteReport]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists, dictionaries and numbers, ready for JSON."""
        return dataclasses.asdict(self)

    def draw(self, path: str | os.PathLike) -> None:
        """Draw bars, one group for each activation."""
        pictures.draw_bars(self, path)

    def table(self) -> Table:
        """A row for each activation."""
        rows = [_row(site) for site in self.sites]
        numbers = frozenset(range(3, len(_HEADINGS)))
        return Table(_HEADINGS, rows, numbers, notes=[self._caption()])

    def records(self) -> list[dict[str, Any]]:
        """A dictionary for each activation."""
        return [dataclasses.asdict(site) for site in self.sites]

    def _caption(self) -> str:
        return (
            f"{self.model}: {len(self.sites)} activations, {self.examples} examples "
            f"({self.gradient_examples} in the backward pass)."
        )


def negative_information_report(
    model: keras.Model,
    data: Any,
    batch_size: int = 32,
    limit: int | None = None,
    gradient_examples: int = 32,
    verbose: str | int = 1,
) -> NegativeInformationReport:
    """Measure what each activation of a network is given, throws away and lets through.

    Formula, with `x` the feature maps in front of an activation `f`, over all the data:

        discarded_energy = ||relu(-x)||^2 / ||x||^2
        seen_energy      = ||f(x) - f(relu(x))||^2 / ||relu(-x)||^2

    The network runs in inference mode and stays as it is. Sums are in float64.

    Args:
        model: a Functional or built Sequential model, trained or not, with any activations that a
            swap would find: layers, `activation=` arguments, operations, also in nested models.
            Gates and heads are left out.
        data: an array of inputs, a dictionary of arrays for inputs by name, or a tuple that starts
            with one of these; or an iterable of batches: `x`, `(x, y)` or `(x, y, weights)`, as a
            `tf.data.Dataset` is. For inputs in a list, an iterable of batches.
        batch_size: for arrays.
        limit: look at so many examples at most.
        gradient_examples: how many of the first batch go into the backward pass.
        verbose: 0: print nothing. 1, or `"auto"`: a bar in a terminal and in a notebook, and
            elsewhere one line at the end. 2: one line at the end.

    Returns:
        A `NegativeInformationReport`.

    Raises:
        ValueError: if the model has no graph that could be read (a subclassed model that cannot be
            traced, or one that was never built), has no activation, or there is no data.

    Source:
        Cai, Peng, Shen, arXiv 2306.10536, and Kim et al., Procedia Computer Science 88 (2016), say
        that negative information is lost; these measures of it are this package's.

    Examples:
        >>> leaky = keras.layers.LeakyReLU(negative_slope=0.5, name="leaky")
        >>> model = keras.Sequential([keras.Input((2,)), leaky, keras.layers.Dense(1)])
        >>> report = negative_information_report(model, np.array([[-3.0, 4.0]]), verbose=0)
        >>> site = report.sites[0]
        >>> print(f"{site.discarded_energy:.2f} {site.seen_energy:.2f} {site.dead_channels:.2f}")
        0.36 0.25 0.50
    """
    batch_size = _checks.integer("batch_size", batch_size, 1)
    limit = None if limit is None else _checks.integer("limit", limit, 1)
    gradient_examples = _checks.integer("gradient_examples", gradient_examples, 1)
    verbose = _checks.verbosity(verbose)
    readable = hasattr(data, "__iter__") or hasattr(data, "shape")
    if isinstance(data, dict):
        readable = _are_arrays(data)
    if isinstance(data, (str, bytes)) or not readable:
        allowed = "an array of inputs, a dictionary of arrays or an iterable of batches"
        raise _checks.refused("data", allowed, data)
    replay = Replay(model)
    observations = {site: Observation(site) for site in replay.sites}
    first, seen = None, 0
    progress = Progress(_examples_ahead(data, limit), "example", verbose)
    with left_as_it_is(model):
        for inputs in _batches(data, batch_size, limit):
            first = inputs if first is None else first
            replay(inputs, lambda site, x, function: observations[site].add(x, function))
            seen += _count(inputs)
            progress.reaches(seen)
        if first is None:
            raise _checks.refused("data", "at least one batch", data)
        progress.ends(seen)
        few = keras.tree.map_structure(lambda x: x[:gradient_examples], first)
        unreached = units_without_gradient(replay, few)
    return NegativeInformationReport(
        model=model.name,
        examples=seen,
        gradient_examples=_count(few),
        sites=[
            SiteReport(
                path=site.path,
                function=site.function,
                shape=tuple(site.shape),
                dead_channels=observation.dead_channels,
                negative_share=observation.negative_share,
                discarded_energy=observation.discarded_energy,
                seen_energy=observation.seen_share,
                units_without_gradient=unreached[site.path],
            )
            for site, observation in observations.items()
        ],
    )


def _batches(data: Any, batch_size: int, limit: int | None) -> Iterator[Any]:
    left = sys.maxsize if limit is None else limit
    for batch in _all_batches(data, batch_size):
        if left <= 0:
            return
        inputs = batch[0] if isinstance(batch, tuple) else batch
        inputs = keras.tree.map_structure(
            lambda x, left=left: keras.ops.convert_to_tensor(x[:left]), inputs
        )
        left -= _count(inputs)
        yield inputs


def first_examples(name: str, data: Any, limit: int) -> Any:
    """The first examples of arrays, or a `ValueError` where that is not what was given."""
    arrays = keras.tree.flatten(data)
    if not arrays or not all(hasattr(x, "shape") and len(x.shape) and len(x) for x in arrays):
        raise _checks.refused(name, "an array of inputs, or a structure of them", data)
    return keras.tree.map_structure(lambda x: np.asarray(x[:limit]), data)


def _examples_ahead(data: Any, limit: int | None) -> int | None:
    """How many examples will be looked at; `None` where only reading the data could tell."""
    data = data[0] if isinstance(data, tuple) else data
    if not _are_arrays(data):
        return None
    return _count(data) if limit is None else min(limit, _count(data))


def _are_arrays(data: Any) -> bool:
    """Whether it is an array, or a dictionary of them."""
    arrays = list(data.values()) if isinstance(data, dict) else [data]
    return bool(arrays) and all(
        isinstance(array, np.ndarray) or keras.ops.is_tensor(array) for array in arrays
    )


def _all_batches(data: Any, batch_size: int) -> Iterable[Any]:
    data = data[0] if isinstance(data, tuple) else data
    if _are_arrays(data):
        return (
            keras.tree.map_structure(lambda x, start=start: x[start : start + batch_size], data)
            for start in range(0, _count(data), batch_size)
        )
    if isinstance(data, keras.utils.PyDataset):
        return (data[number] for number in range(len(data)))
    return data


def _count(inputs: Any) -> int:
    return int(keras.tree.flatten(inputs)[0].shape[0])


_HEADINGS = (
    "activation",
    "function",
    "shape",
    "dead channels",
    "negative",
    "energy discarded",
    "of it seen",
    "without gradient",
)


def _row(site: SiteReport) -> tuple[str, ...]:
    shares = (
        site.dead_channels,
        site.negative_share,
        site.discarded_energy,
        site.seen_energy,
        site.units_without_gradient,
    )
    return (
        site.path,
        site.function,
        dimensions(site.shape),
        *(f"{100 * share:.1f} %" for share in shares),
    )
