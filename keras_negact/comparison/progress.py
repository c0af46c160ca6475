"""How far a comparison is, and how long it may still take."""

import sys
import time


class Progress:
    """Prints a line for each run, and on a terminal the epoch that it is at.

    Args:
        runs: how many there are.
        done: how many are finished already.
        verbose: 0: print nothing. 2: let Keras print its lines too.
    """

    def __init__(self, runs: int, done: int, verbose: int):
        self.keras_verbose = 2 if verbose > 1 else 0
        self._verbose, self._runs, self._done = verbose, runs, done
        self._start, self._done_here = time.perf_counter(), 0
        self._in_place = verbose and sys.stdout.isatty()
        if verbose and done:
            print(f"{done} of {runs} runs are finished already.", flush=True)

    def starts(self, variant: str, seed: int, epochs: int) -> None:
        self._current = f"[{self._done + 1}/{self._runs}] {variant}, seed {seed}"
        self._epochs = epochs

    def epoch(self, epoch: int, logs: dict[str, float]) -> None:
        if self._in_place:
            values = ", ".join(f"{key} {value:.4f}" for key, value in logs.items())
            line = f"{self._current}: epoch {epoch}/{self._epochs}, {values}"
            print(f"\r\x1b[K{line}", end="", flush=True)

    def finishes(self, accuracy: float | None, seconds: float) -> None:
        self._done, self._done_here = self._done + 1, self._done_here + 1
        if not self._verbose:
            return
        each = (time.perf_counter() - self._start) / self._done_here
        left = each * (self._runs - self._done) / 60
        value = "not a number" if accuracy is None else f"{accuracy:.4f}"
        line = f"{self._current}: accuracy {value}, {seconds:.0f} s; about {left:.0f} min left"
        print(f"\r\x1b[K{line}" if self._in_place else line, flush=True)
