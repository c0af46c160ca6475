"""Model surgery: find the activations, plan, rebuild, move the weights, report."""

from keras_negact.surgery.folding import FoldingPlan, fold_for_inference, plan_folding
from keras_negact.surgery.handlers import keep_channels, mix_channels, refuse, register
from keras_negact.surgery.new_layers import new_layers
from keras_negact.surgery.plan import Plan
from keras_negact.surgery.sites import Site
from keras_negact.surgery.swap import clone_with_activation, plan_activation_swap

__all__ = [
    "FoldingPlan",
    "Plan",
    "Site",
    "clone_with_activation",
    "fold_for_inference",
    "keep_channels",
    "mix_channels",
    "new_layers",
    "plan_activation_swap",
    "plan_folding",
    "refuse",
    "register",
]
