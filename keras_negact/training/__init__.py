"""Training on one device, many devices or many machines, with backups.

What needs TensorFlow is imported when it is asked for: `fit` and `Backup` work on JAX and PyTorch.
"""

from typing import TYPE_CHECKING

from keras_negact._extras import require
from keras_negact.training.backup import Backup
from keras_negact.training.cluster import is_chief
from keras_negact.training.fit import fit

if TYPE_CHECKING:
    from keras_negact.training.replica_training import evaluate
    from keras_negact.training.strategy import make_strategy

__all__ = ["Backup", "evaluate", "fit", "is_chief", "make_strategy"]


def __getattr__(name: str):
    if name in ("evaluate", "make_strategy"):
        require("tensorflow", "tensorflow")
    if name == "evaluate":
        from keras_negact.training.replica_training import evaluate

        return evaluate
    if name == "make_strategy":
        from keras_negact.training.strategy import make_strategy

        return make_strategy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
