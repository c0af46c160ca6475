"""Starting scripts as processes, alone or as workers."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
SCRIPTS = ROOT / "tests" / "support"
LAUNCHER = ("-m", "keras_negact.launch")


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2", **more}


def start(*command: str, **more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        env=environment(**more),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def launch(
    script: str, *arguments: str, workers: int = 2, options=(), **more: str
) -> subprocess.Popen:
    return start(*LAUNCHER, "--workers", workers, *options, SCRIPTS / script, *arguments, **more)


def finish(process: subprocess.Popen, seconds: float = 400) -> tuple[int, str]:
    """Wait for the end: the exit status and the output."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        process.kill()
        output, _ = process.communicate()
        raise AssertionError(f"did not end in {seconds} s:\n{output}") from None
    return process.returncode, output


def read_until(process: subprocess.Popen, text: str) -> str:
    """Read the output up to the line that holds `text`: all that was read."""
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"no line with {text!r}:\n{seen}")


def arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return dict(stored)


def largest_difference(first: dict, second: dict) -> float:
    assert first.keys() == second.keys()
    return max(float(np.abs(first[name] - second[name]).max()) for name in first)


def read_json(path: pathlib.Path):
    return json.loads(path.read_text())
