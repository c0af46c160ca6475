"""The channel map: for every channel of a tensor, the source channel that it came from."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

ON, OFF, FRESH = 0, 1, 2


@dataclass(frozen=True, eq=False)
class ChannelMap:
    """How the channels of a tensor in the clone relate to those of the same tensor in the source.

    A tensor whose channels are as they were has no map (`None`).

    Attributes:
        source: for every channel, the channel of the source that it came from.
        part: for every channel, `ON` (it holds what the source channel holds), `OFF` (it holds the
            negative part, which the source did not have) or `FRESH` (with halved channels: it
            stands in the place of a source channel that is gone).
        width: the number of channels in the source.
        axis: the channel axis.
        sites: the swapped activations that changed the channels.
        nearest: those of them that did so last, on each way to this tensor.
        coefficient: for every channel, how often it counts in the source's, which is the sum over
            the channels that came from it. `None`: once for `ON`, not at all for `OFF`.
    """

    source: np.ndarray
    part: np.ndarray
    width: int
    axis: int
    sites: frozenset = frozenset()
    nearest: frozenset = frozenset()
    coefficient: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.source)

    @property
    def keeps_layout(self) -> bool:
        """Whether every channel is where it was, which halved channels are and doubled ones not."""
        return len(self) == self.width and bool(
            np.all((self.source == np.arange(self.width)) | (self.part == FRESH))
        )

    @property
    def is_plain(self) -> bool:
        """Whether `ON` channels hold what the source holds, so that any function may follow."""
        return self.coefficient is None

    @property
    def coefficients(self) -> np.ndarray:
        """For every channel, how often it counts."""
        return np.where(self.part == OFF, 0.0, 1.0) if self.is_plain else self.coefficient

    def same_channels(self, other: "ChannelMap") -> bool:
        """Whether the two can be merged element by element."""
        return (
            np.array_equal(self.source, other.source)
            and np.array_equal(self.part, other.part)
            and np.array_equal(self.coefficients, other.coefficients)
        )

    def at(self, axis: int) -> "ChannelMap":
        """The same channels on another axis."""
        return replace(self, axis=axis)

    def taken(self, index, source, width: int, axis: int | None = None) -> "ChannelMap":
        """Other channels, made from these by the same sites.

        Args:
            index: for each, the one of these that it was.
            source: for each, the channel of the source, of which there are `width`.
            axis: the channel axis.
        """
        index = np.asarray(index)
        return replace(
            self,
            source=np.asarray(source),
            part=self.part[index],
            width=width,
            axis=self.axis if axis is None else axis,
            coefficient=None if self.is_plain else self.coefficient[index],
        )

    def repeated(self, times: int) -> "ChannelMap":
        """Each channel `times` over, side by side, as a depth multiplier does."""
        source = (self.source[:, None] * times + np.arange(times)).ravel()
        return self.taken(np.repeat(np.arange(len(self)), times), source, self.width * times)

    def blamed_on(self, sites: Iterable[int]) -> "ChannelMap":
        """The same channels, with other sites behind them."""
        sites = frozenset(sites)
        return replace(self, sites=sites, nearest=sites)


def identity(width: int, axis: int) -> ChannelMap:
    """The map of a tensor whose channels are as they were."""
    return ChannelMap(np.arange(width), np.zeros(width, np.int8), width, axis)


def joined(maps: list[ChannelMap], axis: int) -> ChannelMap:
    """The map of a concatenation along the channels."""
    offsets = np.cumsum([0] + [m.width for m in maps])
    return ChannelMap(
        np.concatenate([m.source + offset for m, offset in zip(maps, offsets, strict=False)]),
        np.concatenate([m.part for m in maps]),
        int(offsets[-1]),
        axis,
        frozenset().union(*(m.sites for m in maps)),
        frozenset().union(*(m.nearest for m in maps)),
        None if all(m.is_plain for m in maps) else np.concatenate([m.coefficients for m in maps]),
    )


def doubled(before: ChannelMap, site: int, slopes: tuple | None = None) -> ChannelMap:
    """The map behind an activation that puts out `[on | off]`.

    Args:
        slopes: of a function `p relu(x) - a relu(-x)`, `(p, a)` for each channel of the source;
            `None` for a rectifier, whose `on` is the function itself.
    """
    coefficient = None
    if slopes is not None:
        on, off = (np.broadcast_to(s, before.width)[before.source] for s in slopes)
        # A channel that is no part of the source's stays none.
        counts = before.coefficients
        coefficient = np.concatenate([on * counts, -off * counts])
    off = np.where(before.part == FRESH, FRESH, OFF).astype(np.int8)
    return ChannelMap(
        np.concatenate([before.source, before.source]),
        np.concatenate([before.part, off]),
        before.width,
        before.axis,
        before.sites | {site},
        frozenset({site}),
        coefficient,
    )


def halved(width: int, axis: int, site: int) -> ChannelMap:
    """The map between a layer made half as wide and the activation that doubles its channels."""
    kept = width // 2
    sites = frozenset({site})
    return ChannelMap(np.arange(kept), np.zeros(kept, np.int8), width, axis, sites, sites)


def restored(before: ChannelMap, site: int) -> ChannelMap:
    """The map behind an activation that doubled halved channels: in place, the second half new."""
    kept = len(before)
    part = np.concatenate([before.part, np.full(kept, FRESH, np.int8)])
    sites = before.sites | {site}
    return ChannelMap(
        np.arange(2 * kept), part, before.width, before.axis, sites, frozenset({site})
    )
