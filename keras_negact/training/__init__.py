"""Training on one device, many devices or many machines, with backups.

What needs TensorFlow is imported when it is called: the rest works on JAX and PyTorch without it.
"""

from keras_negact._ownership import FolderInUse
from keras_negact.training.backup import Backup
from keras_negact.training.cluster import is_chief
from keras_negact.training.evaluation import evaluate
from keras_negact.training.fit import fit
from keras_negact.training.strategy import make_strategy

__all__ = ["Backup", "FolderInUse", "evaluate", "fit", "is_chief", "make_strategy"]
