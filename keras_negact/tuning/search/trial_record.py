"""What is kept about the run of a trial beside keras-tuner's own files: how long, how it failed."""

import json
import os
import pathlib
import warnings
from dataclasses import asdict, dataclass

from keras_negact.tuning.search.files import read_json, replace_text

_FILE = "run.json"
_KINDS = {"begun": int, "seconds": (int, float, type(None)), "failure": str, "traceback": str}


@dataclass
class TrialRecord:
    """A trial's run.

    Attributes:
        begun: how often it was begun without coming to an end: more than once if its process died.
        seconds: from its begin to its end.
        failure: why it failed, in one line; empty if it did not.
        traceback: of the failure.
    """

    begun: int = 0
    seconds: float | None = None
    failure: str = ""
    traceback: str = ""

    @classmethod
    def read(cls, trial_dir: str | os.PathLike) -> "TrialRecord":
        """The record in a trial's folder; an empty one where there is none, or a damaged one."""
        path = pathlib.Path(trial_dir, _FILE)
        if not path.exists():
            return cls()
        try:
            content = read_json(path, _KINDS, "The search goes on without it.")
        except RuntimeError as error:
            warnings.warn(str(error), stacklevel=2)
            return cls()
        return cls(**{name: content[name] for name in _KINDS})

    def write(self, trial_dir: str | os.PathLike) -> None:
        """Replace the record in a trial's folder."""
        replace_text(pathlib.Path(trial_dir, _FILE), json.dumps(asdict(self)))
