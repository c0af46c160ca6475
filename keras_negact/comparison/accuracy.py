"""Whether an accuracy is the share of examples that are classified right."""

from typing import Any

import keras
import numpy as np

from keras_negact import _checks

_OF_NUMBERS = {
    "mse", "meansquarederror", "mae", "meanabsoluteerror", "mape", "meanabsolutepercentageerror",
    "msle", "meansquaredlogarithmicerror", "huber", "logcosh", "cosinesimilarity", "poisson",
}  # fmt: skip
_FROM_LOGITS = (keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy)


def metrics_for(loss: Any) -> Any:
    """What models that do not come compiled are judged by, in the structure of the losses."""
    return keras.tree.map_structure(_metrics_for, loss)


def _metrics_for(loss) -> list:
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    if loss is None or name.replace("_", "").lower() in _OF_NUMBERS:
        return []
    if isinstance(loss, _FROM_LOGITS) and loss.from_logits:
        # Keras takes 0.5 for the threshold, which is one of probabilities.
        return [keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")]
    return ["accuracy"]


def check_threshold(model: keras.Model, metric: str) -> None:
    """Refuse a metric that compares logits to one half; the model has been evaluated."""
    losses = _of_output(model, model.loss, metric)
    thresholds = {getattr(one, "threshold", None) for one in _compared(model, metric)}
    if thresholds == {0.5} and any(getattr(loss, "from_logits", False) for loss in losses):
        allowed = (
            "one with the threshold 0, for the loss is computed from logits, of which those "
            "between 0 and 0.5 would count as the wrong class. Compile the models with "
            '`keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")`'
        )
        raise _checks.refused("metric", allowed, metric)


def check_targets(model: keras.Model, metric: str, targets: Any, of_what: str) -> None:
    """Refuse one of Keras's accuracies where the targets are no classes, as in a regression."""
    for accuracy in _compared(model, metric):
        for kind, (allowed, are_classes) in _CLASSES.items():
            for array in map(_array, _of_output(model, targets, metric)):
                if isinstance(accuracy, kind) and not are_classes(array):
                    allowed = (
                        f"one that fits the targets: this accuracy is one of {allowed}. For a "
                        'regression say metric="loss", or compile the models with an error such '
                        f"as `mae` and name that. The first {of_what} begin with "
                        f"{array.ravel()[:3].tolist()}"
                    )
                    raise _checks.refused("metric", allowed, metric)


def _are_whole(targets: np.ndarray) -> bool:
    return bool(np.all(targets == np.rint(targets)))


def _are_shares(targets: np.ndarray) -> bool:
    # Nothing but zeros stands for what is masked.
    sums = targets.sum(axis=-1)
    near = np.isclose(sums, 1, atol=1e-2) | np.isclose(sums, 0)
    return bool(np.all(targets >= 0) and np.all(near))


_CLASSES = {
    keras.metrics.BinaryAccuracy: ("0 and 1", lambda targets: np.isin(targets, (0, 1)).all()),
    keras.metrics.SparseCategoricalAccuracy: ("whole numbers", _are_whole),
    keras.metrics.CategoricalAccuracy: ("shares of classes that add up to 1", _are_shares),
}


def _compared(model: keras.Model, metric: str) -> list[keras.Metric]:
    """The metrics that may go by this name in the logs, as Keras made them of what was compiled."""
    held = [one for each in model.metrics for one in getattr(each, "metrics", [each])]
    return [one for one in held if metric == one.name or metric.endswith(f"_{one.name}")]


def _of_output(model: keras.Model, structure: Any, metric: str) -> list:
    """Of losses or targets those of the output that a metric is of; all, where that is not said."""
    names = getattr(model, "output_names", None) or []
    if isinstance(structure, list | tuple) and len(structure) == len(names):
        structure = dict(zip(names, structure, strict=True))
    if isinstance(structure, dict) and len(structure) > 1:
        structure = [one for name, one in structure.items() if metric.startswith(f"{name}_")]
    return keras.tree.flatten(structure)


def _array(targets) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(targets), "float64")
