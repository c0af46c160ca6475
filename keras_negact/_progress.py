"""How far something is: Keras's own bar, in a terminal, in a notebook and in a log file."""

import sys

import keras


def verbosity_here(verbose: int | str) -> int:
    """What `verbose` of `Model.fit` stands for here: `"auto"` draws no bar into a log file."""
    if verbose == "auto":
        return 1 if _is_drawn_over() else 2
    return verbose


class Progress:
    """A bar that is drawn over itself where that can be seen, else one line at the end.

    Args:
        target: how many there will be; `None` where that is unknown.
        unit: what is counted, in the singular.
        verbose: 0: print nothing. 2: one line at the end everywhere.
    """

    def __init__(self, target: int | None, unit: str, verbose: int | str):
        level = verbosity_here("auto" if verbose == 1 else verbose)
        self._bar = keras.utils.Progbar(target, verbose=level, unit_name=unit)

    def reaches(self, count: int) -> None:
        """So many are done, and there may be more."""
        self._bar.update(count, finalize=False)

    def ends(self, count: int) -> None:
        """So many are done, which is all."""
        self._bar.target = count
        self._bar.update(count, finalize=True)


def _is_drawn_over() -> bool:
    """Whether what is printed can be printed over. Keras's own guess takes a log file for that."""
    return sys.stdout.isatty() or "ipykernel" in sys.modules
