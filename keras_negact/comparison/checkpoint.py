"""What an unfinished run has reached, kept so that it can go on after an interruption."""

import json
import os
import pathlib
import re
import time
import zlib
from typing import Any

import keras
import numpy as np

SECONDS_BETWEEN = 60.0


class Checkpoint:
    """The last saved state of one run: weights, optimizer, layers' random states, and progress.

    All of it is in one file, replaced in one go: a run that dies while it saves has the state
    before. `keras_negact.training.Backup` does more, and needs TensorFlow, which a comparison does
    not.

    Args:
        folder: where unfinished runs are kept.
        variant, seed: which run it is.
        described: what the run is made under; an unfinished run made otherwise is not gone on with.
    """

    def __init__(self, folder: pathlib.Path, variant: str, seed: int, described: dict[str, Any]):
        self._path = folder / f"{run_name(variant, seed)}.npz"
        self._described = described
        self._saved_at = time.monotonic()

    def restore(self, model: keras.Model) -> dict[str, Any]:
        """Load the saved state, if there is one, into a compiled and built model.

        Returns:
            What was given to `save` as `progress`; empty where the run begins.
        """
        if not self._path.exists():
            return {}
        with np.load(self._path, allow_pickle=False) as saved:
            record = json.loads(str(saved["record"]))
            if record["described"] != self._described:
                return {}
            for number, variable in enumerate(_variables(model)):
                variable.assign(saved[f"{number}"])
        return record["progress"]

    def save(self, model: keras.Model, progress: dict[str, Any]) -> None:
        """Keep the state, unless it was kept less than a minute ago."""
        if time.monotonic() - self._saved_at < SECONDS_BETWEEN:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        values = [keras.ops.convert_to_numpy(variable) for variable in _variables(model)]
        record = json.dumps({"described": self._described, "progress": progress})
        temporary = self._path.with_name(f"{os.getpid()}.{self._path.name}")
        np.savez(temporary, record=record, **{f"{i}": value for i, value in enumerate(values)})
        os.replace(temporary, self._path)
        self._saved_at = time.monotonic()

    def remove(self) -> None:
        """Forget the run, as it is finished."""
        self._path.unlink(missing_ok=True)


def _variables(model: keras.Model) -> list[keras.Variable]:
    # A file of weights would lack the random states of dropout.
    return [*model.variables, *model.optimizer.variables]


def run_name(variant: str, seed: int) -> str:
    """A file's name for a run; variants that differ in punctuation alone differ in it too."""
    readable = re.sub(r"[^\w.]+", "_", variant)
    return f"{readable}-{zlib.crc32(variant.encode()):08x}-seed{seed}"


def write_in_one_go(path: pathlib.Path, text: str) -> None:
    """Replace a text file, or leave it as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    os.replace(temporary, path)
