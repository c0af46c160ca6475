"""What is known of a layer, what it is asked, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_negact.surgery.channels import ChannelMap


@dataclass(frozen=True, eq=False)
class Take:
    """A weight whose `axis` follows the channels.

    `reads`: each channel counts as much as it holds of the source's, so that those which the source
    did not have add nothing. Otherwise each gets what the channel that it came from has.
    """

    axis: int
    channels: ChannelMap
    reads: bool = False


@dataclass(frozen=True, eq=False)
class Question:
    """A call of an operation on tensors whose channels have changed.

    Attributes:
        operation: the layer or operation.
        maps: the channel maps of its inputs, `None` where nothing changed.
        shapes: the shapes of its inputs, as in the source.
        output_shapes: the shapes of its outputs, as in the source.
        constants: what else it was given, flat.
        leads: whether the first thing that it was given is a tensor.
        wanted: the channels that its output is to have, when it is to be made narrower.
        bare: whether its `activation=` is taken away, to become a layer of its own.
    """

    operation: Any
    maps: list[ChannelMap | None]
    shapes: list[tuple]
    output_shapes: list[tuple]
    constants: list = field(default_factory=list)
    leads: bool = True
    wanted: ChannelMap | None = None
    bare: bool = False

    @property
    def changed(self) -> list[ChannelMap]:
        return [m for m in self.maps if m is not None]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What becomes of an operation.

    Attributes:
        maps: the channel maps of its outputs.
        config: constructor arguments to change.
        takes: for the name of each weight that changes, how.
        gather: the order that the input's channels have to be brought into first.
    """

    maps: list[ChannelMap | None]
    config: dict = field(default_factory=dict)
    takes: dict[str, tuple[Take, ...]] = field(default_factory=dict)
    gather: np.ndarray | None = None

    @property
    def changes_operation(self) -> bool:
        return bool(self.config or self.takes or self.gather is not None)

    def same_operation(self, other: "Outcome") -> bool:
        """Whether one layer can serve for both."""
        return (
            self.config == other.config
            and self.takes.keys() == other.takes.keys()
            and (self.gather is None) == (other.gather is None)
            and (self.gather is None or np.array_equal(self.gather, other.gather))
            and all(
                mine.axis == theirs.axis and mine.channels.same_channels(theirs.channels)
                for name in self.takes
                for mine, theirs in zip(self.takes[name], other.takes[name], strict=True)
            )
        )


Follow = Callable[[Question], Outcome]


@dataclass(frozen=True)
class Function:
    """The function of an activation.

    Attributes:
        name: its name, as in `keras.activations` where Keras has it.
        make: makes what `LENI(activation=...)` takes to compute it: a name, a function or a layer.
        max_value: where the function is a rectifier with a cap, the cap.
        layer: the source's own layer where the function is one with weights.
    """

    name: str
    make: Callable
    max_value: float | None = None
    layer: keras.Layer | None = None


@dataclass(frozen=True)
class Template:
    """What is known of an activation as one that is put in.

    Attributes:
        arguments: from the layer, the site and the number of channels that it will be given, the
            constructor arguments that the site decides.
        keeps: from the layer and the site, whether it starts as the site's own function.
        restores: from the layer and the number of channels, the constructor arguments with which it
            makes them out of half as many; `None` where it cannot.
        slopes: from the layer and the site, `(p, a)` where what is behind it can keep
            `p relu(x) - a relu(-x)`.
        only_where_kept: whether it is put in where it does not keep the function only when the
            function is named.
    """

    arguments: Callable[[Any, Any, int], dict] = lambda layer, site, width: {}
    keeps: Callable[[Any, Any], bool] = lambda layer, site: False
    restores: Callable[[Any, int], dict | None] = lambda layer, channels: None
    slopes: Callable[[Any, Any], tuple | None] = lambda layer, site: None
    only_where_kept: bool = False


@dataclass(frozen=True)
class Rule:
    """All that surgery and folding know about a kind of layer or operation.

    Attributes:
        follow: what becomes of it when the channels of its inputs have changed.
        mixes: whether it mixes all channels, so that its output can have any number of them.
        passes: whether its output has the channels of its inputs, in their order.
        linear: whether it is linear in its input, each channel by itself where it `passes`.
        passes_shifts: whether a constant added to its input is just added to its output.
        idle: whether it does nothing in inference.
        passes_gates: whether what scales another branch still does so behind it.
        moves_channels: whether the axis of the channels is another one behind it.
        fused: whether it applies an `activation=` to its output.
        function: of an activation, which function it computes.
        kernels: names of the weights that it multiplies with at every place.
        inner_layers: names of the attributes that are layers of the input's shape, or functions.
        at_input: whether these places are those of its input, not of its output.
        multiply_adds: counts them, from the layer and its input's shape, where that is not
            `kernels` times the places.
        arrays: of a layer that can take a scale and a shift, the class that has it as arrays.
        steps_ahead: of a layer that moves a sequence in time, how many steps it is earlier behind
            the layer; below 0: later, as behind zeros in front.
        template: what is known of it as an activation that is put in.
        affine: of a layer that is a scale and a shift for each channel in inference, what gives
            these two from the layer, built; folding takes such a layer away.
        simplifies: whether folding makes its arrays simpler, whatever stands around it.
        channel_axis: the axis of its channels, from the layer and the rank, where it says so.
    """

    follow: Follow
    mixes: bool = False
    passes: bool = False
    linear: bool = False
    passes_shifts: bool = False
    idle: bool = False
    passes_gates: bool = False
    moves_channels: bool = False
    fused: bool = False
    function: Callable[[Any], Function | None] | None = None
    kernels: tuple[str, ...] = ()
    inner_layers: tuple[str, ...] = ()
    at_input: bool = False
    multiply_adds: Callable[[Any, tuple], float] | None = None
    arrays: type | None = None
    steps_ahead: Callable[[Any], int] | None = None
    template: Template = Template()
    affine: Callable[[Any], tuple[np.ndarray, np.ndarray]] | None = None
    simplifies: bool = False
    channel_axis: Callable[[Any, int], int | None] | None = None

    @property
    def folds(self) -> bool:
        """Whether folding looks for it."""
        return self.affine is not None or self.simplifies


class Conflict(Exception):
    """Changed channels meet what cannot follow them.

    Attributes:
        reason: why, for the report.
        maps: the channel maps that met.
        must_be_unchanged: whether none of them may be changed; otherwise they only have to agree.
    """

    def __init__(self, reason: str, maps: list, must_be_unchanged: bool = True):
        super().__init__(reason)
        self.reason = reason
        self.maps = maps
        self.must_be_unchanged = must_be_unchanged or any(m is None for m in maps)
