"""Finished runs: one line of JSON each, appended as they come, merged from all files."""

import errno
import json
import math
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

    Raises:
        OSError: if it can't be written, as where the disk is full or the folder was removed.
    """
    line = json.dumps(run, allow_nan=False).encode() + b"\n"
    if _ends_in_mid_line(path):
        line = b"\n" + line
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(
            error.errno,
            f"A finished run could not be written ({error.strerror}); the same command makes it "
            "again, and goes on from what is there",
            str(path),
        ) from error


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
        UserWarning: for a line that is cut off, as by a crash while it was written, until the run
            has been made again.

    Examples:
        >>> runs = read_runs("runs/comparison")
        >>> [(run["variant"], run["seed"]) for run in runs]
        [('relu', 0), ('leni', 0)]
    """
    given = [where] if isinstance(where, str | os.PathLike) else where
    is_paths = isinstance(given, list | tuple)
    if not is_paths or not all(isinstance(one, str | os.PathLike) for one in given):
        raise _checks.refused("where", "a folder, a file or a list of them", where)
    left_out: dict[str, bytes] = {}
    files = [file for one in given for file in _files(pathlib.Path(one))]
    runs = merged([run for path in files for run in _read_file(path, left_out)])
    for told, line in left_out.items():
        if not any(_mark(run["variant"], run["seed"]) in line for run in runs):
            warnings.warn(told, stacklevel=2)
    return runs


def merged(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first of each variant and seed.

    Raises:
        ValueError: if they are not comparable.
    """
    distinct: dict[tuple[str, int], dict[str, Any]] = {}
    for run in runs:
        distinct.setdefault((run["variant"], run["seed"]), run)
    _check_comparable(list(distinct.values()))
    return list(distinct.values())


def _files(path: pathlib.Path) -> list[pathlib.Path]:
    if path.is_dir():
        return sorted(file for file in path.glob("*.jsonl") if not file.is_dir())
    if not path.exists():
        raise FileNotFoundError(f"There are no runs in {path}: no such file or folder.")
    return [path]


def _read_file(path: pathlib.Path, left_out: dict[str, bytes]) -> list[dict[str, Any]]:
    """The runs of a file; other lines go to `left_out`, with what is to be told of them."""
    runs = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            runs.append(_as_run(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = f"without {error}" if isinstance(error, KeyError) else error
            told = (
                f"{path}, line {number} is no run and is left out ({reason}): {line[:60]!r}. If a "
                "run was cut off there, the call that made it makes it again."
            )
            left_out[told] = line
    return runs


def _mark(variant: str, seed: int) -> bytes:
    """What a line says of whose it is, near its beginning: most that are cut off still have it."""
    return json.dumps({"variant": variant, "seed": seed})[1:-1].encode() + b","


def checked(run: Any) -> dict[str, Any]:
    """A run that somebody gave.

    Raises:
        ValueError: if it is none.
    """
    try:
        return _as_run(run)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"This is no run ({error!r}): {str(run)[:80]}") from error


_KINDS = {"variant": str, "seed": int, "protocol": dict, "activation": str, "model": str,
    "parameters": int}  # fmt: skip


def _as_run(record) -> dict[str, Any]:
    """The record, if it has what a summary needs."""
    for key, kind in _KINDS.items():
        if not isinstance(record[key], kind) or isinstance(record[key], bool):
            raise TypeError(f"{key} is {record[key]!r}")
    protocol = record["protocol"]
    split, metric = protocol.get("evaluated_on", "test"), protocol.get("metric", "accuracy")
    for key in ("multiply_adds", f"train_{metric}", f"{split}_{metric}"):
        if not (record[key] is None or _is_number(record[key])):
            raise TypeError(f"{key} is {record[key]!r}")
    return record


def _is_number(value: Any) -> bool:
    # What is no finite number is written as `null`.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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
