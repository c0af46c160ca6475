"""Executes the notebooks, offline, and keeps what they show: all of them, or those named.

python docs/build/execute_notebooks.py [--check] [docs/notebooks/dead_network.ipynb ...]

With `--check` nothing is kept.

Needs the extras `docs`, `examples` and `export`.
"""

import os
import pathlib
import re
import resource
import sys
import time

import nbformat
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).parents[2]
OTHERS = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]\d{4,} |INFO: Created TensorFlow Lite"
    r"|fully_quantize).*\n?|^/.*/(tensorflow|keras)/.*Warning: .*\n  .*\n?",
    re.M,
)
"""What TensorFlow's C++ parts write whatever the log level is, and warnings inside Keras's and
TensorFlow's own files."""


def execute(path: pathlib.Path, keep: bool) -> None:
    notebook = nbformat.read(path, as_version=4)
    started, processor_before = time.monotonic(), processor_time()
    NotebookClient(notebook, timeout=1800, record_timing=False, coalesce_streams=True).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if worth_keeping(output)]
    # Nothing of the machine that it was made on.
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
    }
    if keep:
        nbformat.write(notebook, path)
    seconds, processor = time.monotonic() - started, processor_time() - processor_before
    print(f"{path}: {seconds:.0f} s, {processor:.0f} s of a processor's time", flush=True)


def processor_time() -> float:
    """Seconds that the kernels took so far, on all cores together."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def worth_keeping(output) -> bool:
    if output.output_type != "stream":
        return True
    output.text = OTHERS.sub("", output.text)
    return bool(output.text.strip())


def main() -> None:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.getenv("PYTHONPATH")]))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    names = [name for name in sys.argv[1:] if name != "--check"]
    paths = names or sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
    for path in paths:
        execute(pathlib.Path(path), keep="--check" not in sys.argv)


if __name__ == "__main__":
    main()
