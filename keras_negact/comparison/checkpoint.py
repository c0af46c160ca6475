"""What an unfinished run has reached, kept so that it can go on after an interruption."""

import json
import os
import pathlib
import re
import time
import warnings
import zlib
from typing import Any

import keras
import numpy as np

from keras_negact import _files
from keras_negact._packing import pack, unpack
from keras_negact.training.state import capture_variables, restore_variables

SECONDS_BETWEEN = 60.0


class Checkpoint:
    """The last saved state of one run: weights, optimizer, layers' random states, and progress.

    All of it is in one file, replaced in one go: a run that dies while it saves has the state
    before.

    Args:
        folder: where unfinished runs are kept.
        variant, seed: which run it is.
        described: what the run is made under; an unfinished run made otherwise is not gone on with.
    """

    def __init__(self, folder: pathlib.Path, variant: str, seed: int, described: dict[str, Any]):
        self._path = folder / f"{run_name(variant, seed)}.zip"
        self._described = described
        self._saved_at = time.monotonic()

    def restore(self, model: keras.Model) -> dict[str, Any]:
        """Load the saved state, if there is one, into a compiled and built model.

        A file that can't be read is set aside, with a warning, and the run begins anew.

        Returns:
            What was given to `save` as `progress`; empty where the run begins.
        """
        first_version = self._path.with_suffix(".npz")
        if not self._path.exists():
            return self._restore_first_version(model, first_version)
        try:
            saved = unpack(self._path.read_bytes())
            if saved["described"] != self._described:
                return {}
            restore_variables(model, saved["variables"])
            return saved["progress"]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            aside = self._path.with_suffix(".damaged")
            os.replace(self._path, aside)
            warnings.warn(
                f"The state of an unfinished run in {self._path} is damaged ({error}): it is kept "
                f"as {aside.name}, and the run begins anew.",
                stacklevel=2,
            )
            return {}

    def _restore_first_version(self, model: keras.Model, path: pathlib.Path) -> dict[str, Any]:
        """What version 0.1.0 kept: variables by number, and a description with less in it."""
        if not path.exists():
            return {}
        with np.load(path, allow_pickle=False) as saved:
            record = json.loads(str(saved["record"]))
            now = {key: self._described.get(key) for key in record["described"]}
            if record["described"] != now:
                return {}
            for number, variable in enumerate([*model.variables, *model.optimizer.variables]):
                variable.assign(saved[f"{number}"])
        return record["progress"]

    def save(self, model: keras.Model, progress: dict[str, Any]) -> None:
        """Keep the state, unless it was kept less than a minute ago."""
        if time.monotonic() - self._saved_at < SECONDS_BETWEEN:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        saved = {
            "described": self._described,
            "progress": progress,
            "variables": capture_variables(model, metrics=False),
        }
        _files.replace(self._path, pack(saved))
        self._saved_at = time.monotonic()

    def remove(self) -> None:
        """Forget the run, as it is finished."""
        for suffix in (".zip", ".npz"):
            self._path.with_suffix(suffix).unlink(missing_ok=True)


def run_name(variant: str, seed: int) -> str:
    """A file's name for a run; variants that differ in punctuation alone differ in it too."""
    readable = re.sub(r"[^\w.]+", "_", variant)
    return f"{readable}-{zlib.crc32(variant.encode()):08x}-seed{seed}"
