"""Where the batches of one process come from, and how an epoch begins in its middle.

A source gives its batches in passes. With a number of steps for each epoch, an epoch begins where
the one before it ended, as in `Model.fit`; a pass then goes on over several epochs.
"""

import random
from typing import Any, NamedTuple


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
