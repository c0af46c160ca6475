"""How far a comparison is, and how long it may still take."""

import time

import numpy as np
import rich.console
import rich.text


class Progress:
    """A line for each run; on a terminal, below it, the epoch that the present run is at.

    To be entered while runs are trained, so that what is in place of other lines goes with it.

    Args:
        runs: how many there are.
        done: how many are finished already.
        metric: what runs are told by.
        verbose: 0: print nothing. 2: let Keras print its lines too.
    """

    def __init__(self, runs: int, done: int, metric: str, verbose: str | int):
        self.keras_verbose = 2 if verbose == 2 else 0
        self._runs, self._done, self._metric = runs, done, metric
        self._start, self._done_here = time.perf_counter(), 0
        self._console = rich.console.Console(
            quiet=not verbose, soft_wrap=True, markup=False, emoji=False, highlight=False
        )
        # Keras's lines would go through what is in place of others.
        in_place = self._console.is_terminal and verbose != 2
        self._status = self._console.status("") if in_place else None
        if done:
            self._console.print(f"{done} of {runs} runs are finished already.")

    def __enter__(self) -> "Progress":
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *exception) -> None:
        if self._status:
            self._status.stop()

    def starts(self, variant: str, seed: int, epochs: int) -> None:
        self._current = f"[{self._done + 1}/{self._runs}] {variant}, seed {seed}"
        self._epochs = epochs

    def epoch(self, epoch: int, logs: dict[str, float]) -> None:
        if self._status:
            # Some metrics are several numbers.
            numbers = {key: value for key, value in logs.items() if not np.ndim(value)}
            values = ", ".join(f"{key} {value:.4f}" for key, value in numbers.items())
            line = f"{self._current}: epoch {epoch}/{self._epochs}, {values}"
            self._status.update(rich.text.Text(line))

    def finishes(self, score: float | None, seconds: float) -> None:
        self._done, self._done_here = self._done + 1, self._done_here + 1
        each = (time.perf_counter() - self._start) / self._done_here
        left = each * (self._runs - self._done) / 60
        value = "not a number" if score is None else f"{score:.4f}"
        self._console.print(
            f"{self._current}: {self._metric} {value}, {seconds:.0f} s; about {left:.0f} min left"
        )
