"""How far something is: Keras's own bar, in a terminal, in a notebook and in a log file."""

import sys

import keras

_SECONDS_BETWEEN_LINES = 10


def progress_bar(target: int | None, unit: str, verbose: int) -> keras.utils.Progbar:
    """A bar that is drawn over itself where that can be seen, else a line now and then.

    Args:
        target: how many there will be; `None` where that is unknown.
        unit: what is counted, in the singular.
        verbose: 0: print nothing.
    """
    drawn_over = sys.stdout.isatty() or "ipykernel" in sys.modules
    interval = 0.05 if drawn_over else _SECONDS_BETWEEN_LINES
    return keras.utils.Progbar(target, verbose=int(verbose), interval=interval, unit_name=unit)
