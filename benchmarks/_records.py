"""Runs that are no runs of `compare_activations`: lines of JSON with what a study records."""

import json
import pathlib


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


def finished(folder: pathlib.Path) -> set[tuple]:
    """Variant and seed of every run that is there."""
    return {(run["variant"], run["seed"]) for run in read_records(folder)}
