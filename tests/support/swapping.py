"""What the tests of surgery compare: outputs, and how far apart they are."""

import keras
import numpy as np

from keras_negact import plan_activation_swap
from keras_negact.comparison.costs import multiply_adds
from keras_negact.graph import is_graph_model
from tests.support.backends import to_numpy


def random_inputs(model: keras.Model, open_size: int = 9, seed: int = 0):
    """Two random examples, in the structure that the model takes."""
    rng = np.random.default_rng(seed)

    def example(tensor):
        sizes = [open_size if size is None else size for size in tensor.shape[1:]]
        return rng.normal(size=(2, *sizes)).astype(keras.backend.standardize_dtype(tensor.dtype))

    structure = model.inputs if isinstance(model, keras.Sequential) else model.input
    made = keras.tree.map_structure(example, structure)
    return made[0] if isinstance(made, list) and len(made) == 1 else made


def outputs(model: keras.Model, x) -> list[np.ndarray]:
    return [to_numpy(y).astype("float64") for y in keras.tree.flatten(model(x))]


def check_same_function(model: keras.Model, *args, tolerance: float = 1e-4, **kwargs):
    """Swap, compare the outputs and the counted costs, and give the plan and the clone."""
    x = random_inputs(model)
    before = outputs(model, x)
    plan = plan_activation_swap(model, *args, **kwargs)
    clone = plan.apply()
    for first, second in zip(before, outputs(clone, x), strict=True):
        assert first.shape == second.shape
        assert np.abs(first).max() > 0
        assert np.abs(first - second).max() <= tolerance * np.abs(first).max()
    for totals, network in ((plan.report.before, model), (plan.report.after, clone)):
        assert totals.parameters == network.count_params()
        if is_graph_model(network) and not plan.report.per_pixel:
            assert totals.multiply_adds == multiply_adds(network)
    return plan, clone


def actions(plan) -> dict[str, str]:
    """What happens at each path."""
    return {site.path: site.action for site in plan.sites}
