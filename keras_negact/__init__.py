"""Keras layers that keep what ReLU throws away, and tools to put them into existing networks."""

import importlib
import sys
from typing import TYPE_CHECKING

from keras_negact._version import __version__


def _is_launcher_starting() -> bool:
    """Whether this is `python -m keras_negact.launch`, which Python imports this package for."""
    # While Python looks for the module of `-m`, the command line's first entry is "-m".
    command = getattr(sys, "orig_argv", [])
    return sys.argv[:1] == ["-m"] and any(
        each == "-mkeras_negact.launch" or (each == "-m" and after == "keras_negact.launch")
        for each, after in zip(command, [*command[1:], ""], strict=True)
    )


# Keras finds the layers of a saved network by their registered names, and they are registered by
# being imported: `import keras_negact` has to import them, and Keras with them. The launcher alone
# does without: it needs none of it and would hold it in memory for a whole training.
if not _is_launcher_starting():
    from keras_negact.layers.leni import LENI
    from keras_negact.layers.looks_linear import LooksLinear
    from keras_negact.layers.on_off_relu import OnOffReLU
    from keras_negact.layers.retina import RetinalOpponency
    from keras_negact.surgery.folding import fold_for_inference, plan_folding
    from keras_negact.surgery.swap import clone_with_activation, plan_activation_swap

if TYPE_CHECKING:
    from keras_negact import (  # noqa: F401
        analysis,
        comparison,
        datasets,
        layers,
        models,
        surgery,
        training,
        tuning,
    )

_PARTS = ("analysis", "comparison", "datasets", "layers", "models", "surgery", "training", "tuning")

__all__ = [
    "LENI",
    "LooksLinear",
    "OnOffReLU",
    "RetinalOpponency",
    "__version__",
    "clone_with_activation",
    "fold_for_inference",
    "plan_activation_swap",
    "plan_folding",
]


def __getattr__(name: str):
    # Parts with dependencies of their own are imported when they are first asked for.
    if name in _PARTS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_PARTS])
