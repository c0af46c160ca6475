"""How far something is: Keras's own bar, in a terminal, in a notebook and in a log file."""

import sys

import keras


class Progress:
    """A bar that is drawn over itself where that can be seen, else one line at the end.

    Args:
        target: how many there will be; `None` where that is unknown.
        unit: what is counted, in the singular.
        verbose: 0: print nothing.
    """

    def __init__(self, target: int | None, unit: str, verbose: int):
        # Keras's own guess takes a log file for a terminal.
        drawn_over = sys.stdout.isatty() or "ipykernel" in sys.modules
        level = 0 if not verbose else 1 if drawn_over else 2
        self._bar = keras.utils.Progbar(target, verbose=level, unit_name=unit)

    def reaches(self, count: int) -> None:
        """So many are done, and there may be more."""
        self._bar.update(count, finalize=False)

    def ends(self, count: int) -> None:
        """So many are done, which is all."""
        self._bar.target = count
        self._bar.update(count, finalize=True)
