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
        if self._path.exists():
            path, restore = self._path, self._restore
        elif first_version.exists():
            path, restore = first_version, self._restore_first_version
        else:
            return {}
        try:
            return restore(model, path)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            aside = path.with_suffix(".damaged")
            os.replace(path, aside)
            warnings.warn(
                f"The state of an unfinished run in {path} is damaged ({error}): it is kept as "
                f"{aside.name}, and the run begins anew.",
                stacklevel=2,
            )
            return {}

    def _restore(self, model: keras.Model, path: pathlib.Path) -> dict[str, Any]:
        saved = unpack(path.read_bytes())
        if saved["described"] != self._described:
            return {}
        restore_variables(model, saved["variables"])
        return saved["progress"]

    def _restore_first_version(self, model: keras.Model, path: pathlib.Path) -> dict[str, Any]:
        """What version 0.1.0 kept: variables by number, and a description with less in it."""
        variables = [*model.variables, *model.optimizer.variables]
        saved = _read_first_version(path)
        record = json.loads(str(saved["record"]))
        if any(self._described.get(key) != value for key, value in record["described"].items()):
            return {}
        # All are looked at before the first is assigned, which must not stay where another fails.
        values = [saved[f"{number}"] for number in range(len(variables))]
        if [value.shape for value in values] != [tuple(one.shape) for one in variables]:
            raise ValueError("other shapes than those of the model")
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
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


def _read_first_version(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as saved:
            return dict(saved)
    # Damage can make any step of reading fail in any way.
    except Exception as error:
        raise ValueError(f"not a whole archive: {error or type(error).__name__}") from error


def run_name(variant: str, seed: int) -> str:
    """A file's name for a run; variants that differ in punctuation alone differ in it too."""
    readable = re.sub(r"[^\w.]+", "_", variant)
    return f"{readable}-{zlib.crc32(variant.encode()):08x}-seed{seed}"
