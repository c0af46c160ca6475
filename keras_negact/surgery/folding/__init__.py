"""The network for deployment."""

from keras_negact.surgery.folding.plan import FoldingPlan, fold_for_inference, plan_folding

__all__ = ["FoldingPlan", "fold_for_inference", "plan_folding"]
