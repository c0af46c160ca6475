"""Runs that are no runs of `compare_activations`: lines of JSON with what a study records."""

import json
import pathlib

from keras_negact.comparison.results import differences


def read_records(folder: pathlib.Path) -> list[dict]:
    """The lines of a study's `runs.jsonl`; one that a crash cut off is left out."""
    path = folder / "runs.jsonl"
    records = []
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        try:
            records += [json.loads(line)]
        except ValueError:
            continue
    return records


def finished(folder: pathlib.Path, protocol: dict) -> set[tuple]:
    """Variant and seed of every run that is there; all must be of this protocol."""
    runs = read_records(folder)
    # As it is in a file: there are no tuples.
    protocol = json.loads(json.dumps(protocol))
    for run in runs:
        differing = differences(run["protocol"], protocol)
        if differing:
            raise SystemExit(
                f"{folder} holds runs made under another protocol. There and here: {differing}. "
                "Choose another `--output-dir`."
            )
    return {(run["variant"], run["seed"]) for run in runs}
