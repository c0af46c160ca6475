"""Model surgery: find the activations, plan, rebuild, move the weights, report."""

from keras_negact.surgery.plan import Plan
from keras_negact.surgery.swap import clone_with_activation, plan_activation_swap

__all__ = ["Plan", "clone_with_activation", "plan_activation_swap"]
