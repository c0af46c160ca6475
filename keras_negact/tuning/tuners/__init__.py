"""keras-tuner's four tuners, with a budget, failures that are told, and whole files."""

from keras_negact.tuning.tuners.bayesian_optimization import BayesianOptimization
from keras_negact.tuning.tuners.grid_search import GridSearch
from keras_negact.tuning.tuners.hyperband import Hyperband
from keras_negact.tuning.tuners.random_search import RandomSearch

__all__ = ["BayesianOptimization", "GridSearch", "Hyperband", "RandomSearch"]
