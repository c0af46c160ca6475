"""Where a run was made: versions and hardware."""

import functools
import os
import pathlib
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version

import keras

from keras_negact._version import __version__


def versions() -> dict[str, str]:
    """The versions of Python, of this package and of those that the numbers depend on."""
    found = {"python": platform.python_version(), "keras_negact": __version__}
    for name in ("keras", "tensorflow", "jax", "torch", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@functools.cache
def hardware() -> dict[str, str | int]:
    """The processor, its cores, and the accelerators that Keras's backend sees."""
    record = {
        "backend": keras.config.backend(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }
    accelerators = _accelerators()
    if accelerators:
        record["accelerator"] = f"{accelerators} x {_gpu()}"
    return record


def _accelerators() -> int:
    if keras.config.backend() == "torch":
        # There Keras lists no devices.
        import torch

        return torch.cuda.device_count()
    # Asked for GPUs by name, JAX raises where there are none.
    devices = keras.distribution.list_devices()
    return sum(not device.startswith("cpu") for device in devices)


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _gpu() -> str:
    if not shutil.which("nvidia-smi"):
        return "GPU"
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return answer.stdout.splitlines()[0].strip() if answer.stdout else "GPU"
