"""Search with keras-tuner: which LENI suits a network and its data, and where in the network."""

from keras_negact.tuning.search.processes import run_chief_and_workers
from keras_negact.tuning.search.results import TrialRows, pareto_front, trial_rows
from keras_negact.tuning.search.tuners import (
    BayesianOptimization,
    GridSearch,
    Hyperband,
    RandomSearch,
)
from keras_negact.tuning.space.budget import Budget, Cost
from keras_negact.tuning.space.hyper_model import LENIHyperModel
from keras_negact.tuning.space.leni_search_space import leni_search_space

__all__ = [
    "BayesianOptimization",
    "Budget",
    "Cost",
    "GridSearch",
    "Hyperband",
    "LENIHyperModel",
    "RandomSearch",
    "TrialRows",
    "leni_search_space",
    "pareto_front",
    "run_chief_and_workers",
    "trial_rows",
]
