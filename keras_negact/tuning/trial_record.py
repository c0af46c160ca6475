"""What is kept about the run of a trial beside keras-tuner's own files: how long, how it failed."""

import json
import os
import pathlib
from dataclasses import asdict, dataclass

_FILE = "run.json"


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
        """The record in a trial's folder; an empty one where there is none."""
        path = pathlib.Path(trial_dir, _FILE)
        return cls(**json.loads(path.read_text())) if path.exists() else cls()

    def write(self, trial_dir: str | os.PathLike) -> None:
        """Replace the record in a trial's folder."""
        replace_text(pathlib.Path(trial_dir, _FILE), json.dumps(asdict(self)))


def replace_text(path: pathlib.Path, text: str) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_name(f"unfinished_{path.name}")
    unfinished.write_text(text)
    os.replace(unfinished, path)
