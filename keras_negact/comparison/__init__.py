"""Does it help? Variants of a network, compared so that a sceptic can check it."""

from keras_negact.comparison.arrays import array_data
from keras_negact.comparison.compare import compare_activations
from keras_negact.comparison.results import read_runs
from keras_negact.comparison.statistics import seeds_needed
from keras_negact.comparison.summary import Summary, summarize
from keras_negact.comparison.variant_summary import VariantSummary
from keras_negact.comparison.variants import ACTIVATIONS, Variant, activation_variants

__all__ = [
    "ACTIVATIONS",
    "Summary",
    "Variant",
    "VariantSummary",
    "activation_variants",
    "array_data",
    "compare_activations",
    "read_runs",
    "seeds_needed",
    "summarize",
]
