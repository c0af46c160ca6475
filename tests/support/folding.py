"""Weights that show mistakes in folding, and the comparison with the source's own outputs."""

import keras
import numpy as np

from keras_negact import plan_folding
from keras_negact.comparison.costs import multiply_adds
from tests.support.backends import to_numpy

IMAGES = (8, 7, 4)


def model_of(*stack, shape=IMAGES):
    """The layers in a row, with weights that all do something."""
    model = keras.Sequential([keras.Input(shape), *stack])
    draw_all_weights(model)
    return model


def paths_of(plan, action):
    """The layers for which that was decided."""
    return [site.path for site in plan.sites if site.action == action]


def draw_all_weights(model, seed: int = 0) -> None:
    """Random values for every weight: statistics, scales and kernels that all do something."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.name == "moving_variance":
            value = rng.uniform(0.3, 3, weight.shape)
        elif weight.name in ("gamma", "positive_scale", "negative_scale"):
            value = rng.uniform(0.5, 2, weight.shape)
        else:
            fan_in = max(1, int(np.prod(weight.shape[:-1]))) if len(weight.shape) > 1 else 4
            value = rng.normal(0, 1 / np.sqrt(fan_in), weight.shape)
        if "int" not in weight.dtype:
            weight.assign(value)


def inputs_for(model, seed: int = 1):
    """Random inputs of both signs."""
    rng = np.random.default_rng(seed)
    given = [rng.normal(size=(2, *x.shape[1:])).astype("float32") for x in model.inputs]
    return given if len(given) > 1 else given[0]


def assert_folds(model, tolerance: float = 1e-4, x=None):
    """Fold; check that outputs and the source stay, and that the totals are right.

    Returns:
        The folded model and the plan.
    """
    x = inputs_for(model) if x is None else x
    expected = _outputs(model, x)
    before = [to_numpy(weight).copy() for weight in model.weights]
    config = model.get_config()
    plan = plan_folding(model)
    folded = plan.apply()
    for y, z in zip(expected, _outputs(folded, x), strict=True):
        assert y.shape == z.shape
        assert np.abs(y - z).max() <= tolerance * np.abs(y).max() + 1e-12
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), value)
    assert str(model.get_config()) == str(config)
    assert not {id(w) for w in model.weights} & {id(w) for w in folded.weights}
    for totals, network in ((plan.report.before, model), (plan.report.after, folded)):
        assert totals.parameters == network.count_params()
        if not plan.report.per_pixel:
            assert totals.multiply_adds == multiply_adds(network)
    return folded, plan


def _outputs(model, x):
    return [to_numpy(y).astype("float64") for y in keras.tree.flatten(model(x))]
