"""`evaluate` with the meaning of `Model.evaluate`, on one device, many devices or many machines."""

from typing import Any

import keras

from keras_negact import _checks
from keras_negact._progress import verbosity_here
from keras_negact.training.cluster import trains_on_replicas
from keras_negact.training.data import require_compiled, require_data


def evaluate(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    batch_size: int | None = None,
    sample_weight: Any = None,
    steps: int | None = None,
    verbose: str | int = "auto",
    return_dict: bool = False,
) -> Any:
    """Evaluate `model` as `Model.evaluate` does, on all the replicas of its strategy.

    Args:
        model: a compiled model.
        x, y, batch_size, sample_weight, steps, verbose, return_dict: as for `Model.evaluate`. In a
            cluster, every worker calls this with the same data. `verbose="auto"` is as for `fit`.

    Returns:
        The loss and the metrics over all examples, the same on every worker: a dictionary with
            `return_dict`, else a number or a list, as `Model.evaluate` has it.

    Examples:
        >>> x, y = np.ones((8, 2)), np.zeros((8, 1))
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> results = evaluate(model, x, y, return_dict=True, verbose=0)
        >>> sorted(results)
        ['loss']
    """
    require_compiled(model)
    batch_size = None if batch_size is None else _checks.integer("batch_size", batch_size, 1)
    steps = None if steps is None else _checks.integer("steps", steps, minimum=1)
    verbose = verbosity_here(_checks.verbosity(verbose))
    _checks.flag("return_dict", return_dict)
    require_data(x, y, sample_weight)
    if not trains_on_replicas(model):
        return model.evaluate(
            x,
            y,
            batch_size=batch_size,
            sample_weight=sample_weight,
            steps=steps,
            verbose=verbose,
            return_dict=return_dict,
        )
    from keras_negact.training.replica_training import evaluate_on_replicas

    results = evaluate_on_replicas(model, (x, y, sample_weight), batch_size, steps, verbose)
    if return_dict:
        return results
    # In Keras's order.
    first = [metric.name for metric in model.metrics if metric.name in results]
    values = [results[name] for name in (*first, *sorted(results.keys() - set(first)))]
    return values[0] if len(values) == 1 else values
