"""Training on one device, many devices or many machines, with backups."""

from keras_negact.training.backup import Backup
from keras_negact.training.cluster import is_chief
from keras_negact.training.fit import fit
from keras_negact.training.replica_training import evaluate
from keras_negact.training.strategy import make_strategy

__all__ = ["Backup", "evaluate", "fit", "is_chief", "make_strategy"]
