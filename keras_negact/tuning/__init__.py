"""Search with keras-tuner: which LENI suits a network and its data, and where in the network."""

from keras_negact.tuning.budget import Budget, Cost
from keras_negact.tuning.hyper_model import LENIHyperModel
from keras_negact.tuning.processes import run_chief_and_workers
from keras_negact.tuning.results import pareto_front, trial_rows
from keras_negact.tuning.search_space import leni_search_space
from keras_negact.tuning.tuners import BayesianOptimization, GridSearch, Hyperband, RandomSearch

__all__ = [
    "BayesianOptimization",
    "Budget",
    "Cost",
    "GridSearch",
    "Hyperband",
    "LENIHyperModel",
    "RandomSearch",
    "leni_search_space",
    "pareto_front",
    "run_chief_and_workers",
    "trial_rows",
]
