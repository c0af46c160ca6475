"""Timing that survives a noisy machine: repeats interleaved, medians, and a record of where."""

import datetime
import json
import os
import pathlib
import platform
import statistics
import time
from importlib.metadata import PackageNotFoundError, version

RESULTS = pathlib.Path(__file__).parent / "results"


def interleaved(
    functions: dict, repeats: int = 15, warm_up: int = 2, seconds_each: float = 10.0
) -> dict:
    """Time every function once a round, so that a slow moment hits all of them alike.

    Args:
        functions: from a name to a function without arguments that returns when its work is done.
        repeats: rounds that count.
        warm_up: rounds before them that do not.
        seconds_each: a function that has taken longer than this, and three rounds, drops out.

    Returns:
        From each name to `median_ms`, `low_ms` and `high_ms` (the quartiles).
    """
    times = {name: [] for name in functions}
    for round_number in range(warm_up + repeats):
        for name, function in functions.items():
            if len(times[name]) >= 3 and sum(times[name]) > 1e3 * seconds_each:
                continue
            start = time.perf_counter()
            function()
            if round_number >= warm_up:
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: _summary(values) for name, values in times.items()}


def _summary(values):
    low, median, high = statistics.quantiles(values, n=4)
    return {"median_ms": round(median, 4), "low_ms": round(low, 4), "high_ms": round(high, 4)}


def environment() -> dict:
    """The hardware, the versions and the date, for the head of a result file."""
    packages = {}
    for name in ("keras", "tensorflow", "jax", "numpy"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **packages,
    }


def _processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write_result(name: str, record: dict) -> pathlib.Path:
    """Write `results/NAME.json`, whole or not at all."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"environment": environment(), **record}, indent=1) + "\n")
    os.replace(partial, path)
    return path
