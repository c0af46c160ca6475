"""Finished runs: one line of JSON each, appended as they come, merged from all files."""

import json
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

from keras_negact import _checks


def append_run(path: pathlib.Path, run: dict[str, Any]) -> None:
    """Add a run to a file in one write, so that processes may share the file.

    Args:
        path: the `*.jsonl` file; made if it isn't there.
        run: what JSON can hold.
    """
    line = json.dumps(run, allow_nan=False).encode() + b"\n"
    if _ends_in_mid_line(path):
        line = b"\n" + line
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_runs(where: str | os.PathLike | Sequence[str | os.PathLike]) -> list[dict[str, Any]]:
    """Read finished runs, those of different machines together.

    Args:
        where: a folder with `*.jsonl` files, such a file, or several of these.

    Returns:
        The runs, in the order of the files' names and of their lines. Of several runs of one
        variant and seed the first counts.

    Raises:
        FileNotFoundError: if a file or folder is not there.
        ValueError: if the runs are not comparable: their protocols differ.

    Warns:
        UserWarning: for a line that is cut off, as by a crash while it was written.

    Examples:
        >>> runs = read_runs("runs/comparison")
        >>> [(run["variant"], run["seed"]) for run in runs]
        [('relu', 0), ('leni', 0)]
    """
    given = [where] if isinstance(where, str | os.PathLike) else where
    is_paths = isinstance(given, list | tuple)
    if not is_paths or not all(isinstance(one, str | os.PathLike) for one in given):
        raise _checks.refused("where", "a folder, a file or a list of them", where)
    runs = {}
    for path in (file for one in given for file in _files(pathlib.Path(one))):
        for run in _read_file(path):
            runs.setdefault((run["variant"], run["seed"]), run)
    _check_comparable(list(runs.values()))
    return list(runs.values())


def _files(path: pathlib.Path) -> list[pathlib.Path]:
    if path.is_dir():
        return sorted(path.glob("*.jsonl"))
    if not path.exists():
        raise FileNotFoundError(f"There are no runs in {path}: no such file or folder.")
    return [path]


def _read_file(path: pathlib.Path) -> list[dict[str, Any]]:
    runs = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            runs.append(_as_run(json.loads(line)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            warnings.warn(
                f"{path}, line {number} is no run and is left out ({error}): {line[:60]!r}. Delete "
                "it, and the run is made again.",
                stacklevel=2,
            )
    return runs


def _as_run(record) -> dict[str, Any]:
    """The record, if it has what a summary needs."""
    kinds = {"variant": str, "seed": int, "protocol": dict, "activation": str, "model": str,
        "parameters": int, "train_accuracy": (int, float, type(None))}  # fmt: skip
    metric = record["protocol"].get("metric", "accuracy")
    kinds[f"train_{metric}"] = kinds.pop("train_accuracy")
    for key, kind in kinds.items():
        if not isinstance(record[key], kind):
            raise TypeError(f"{key} is {record[key]!r}")
    record["multiply_adds"]
    return record


def _check_comparable(runs: list[dict[str, Any]]) -> None:
    for run in runs:
        differing = differences(runs[0]["protocol"], run["protocol"])
        if differing:
            raise ValueError(
                "These runs are not comparable. "
                f"{run['variant']!r} with seed {run['seed']} was made under another protocol than "
                f"{runs[0]['variant']!r} with seed {runs[0]['seed']}: {differing}."
            )


def differences(first: dict[str, Any], second: dict[str, Any]) -> str:
    """What two records do not share, in words; empty where they are equal."""
    keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    return "; ".join(f"{key} {first.get(key)!r} and {second.get(key)!r}" for key in keys)


def _ends_in_mid_line(path: pathlib.Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        # Not there, or empty.
        return False
