"""What `fit` is given as `x`: the source for it, or why there is none."""

import types
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_negact import _checks
from keras_negact.training.arrays import Arrays, are_arrays, number_of_examples, size_of_batches
from keras_negact.training.sources import (
    Batches,
    OfEpoch,
    OfWorker,
    PyDataset,
    Source,
    Stream,
    is_function_of_epoch,
    is_tf_dataset,
    number_of_batches,
    takes,
)

# They can be gone through, and give no batches.
_NO_DATA = (str, bytes, list, tuple, dict, set)
_NAMES = ("x", "y", "sample_weight")
_ALLOWED = (
    "arrays with examples in them, a `tf.data.Dataset`, a `keras.utils.PyDataset`, a generator or "
    "another iterable of batches, or a function `epoch -> tf.data.Dataset`"
)


def source_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool | str = True,
    class_weight: dict[int, float] | None = None,
    steps_per_epoch: int | None = None,
    place_in_cluster: tuple[int, int] = (0, 1),
) -> Source:
    """The source for what `fit` is given, by the worker of that index among so many.

    Raises:
        ValueError: if the arguments contradict each other.
    """
    if are_arrays(x):
        return Arrays(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            class_weight=class_weight,
            steps_per_epoch=steps_per_epoch,
        )
    if y is not None or sample_weight is not None:
        raise ValueError("Targets and sample weights are part of the dataset: give `x` alone.")
    if isinstance(x, keras.utils.PyDataset):
        return PyDataset(x, shuffle, class_weight)
    if isinstance(x, types.GeneratorType):
        return Stream(x, class_weight)
    if is_function_of_epoch(x):
        if not takes(x, 1) and takes(x, 3):
            return OfWorker(x, class_weight, *place_in_cluster)
        return OfEpoch(_checks.function("x", x, arguments=1), class_weight)
    return Batches(x, class_weight)


def require_compiled(model: keras.Model) -> None:
    """Fail if `model` can't be trained or evaluated.

    Raises:
        ValueError: if it is no model, or not compiled.
    """
    _checks.instance("model", model, keras.Model)
    if not model.compiled:
        raise ValueError("Compile the model before `fit`: `model.compile(optimizer, loss)`.")


def require_data(
    x: Any, y: Any = None, sample_weight: Any = None, names: Sequence[str] = _NAMES
) -> None:
    """Refuse what no model could be trained or evaluated on.

    Args:
        x, y, sample_weight: as for `Model.fit`.
        names: what the arguments are called.

    Raises:
        ValueError: if `x` is no data or empty, or targets or weights are no arrays.
    """
    is_iterable = hasattr(x, "__iter__") and not isinstance(x, _NO_DATA)
    is_function = callable(x) and not isinstance(x, type)
    if not (are_arrays(x) or is_iterable or is_function) or _is_empty(x):
        raise _checks.refused(names[0], _ALLOWED, x)
    for name, part in zip(names[1:], (y, sample_weight), strict=True):
        if part is not None and (not are_arrays(part) or _is_empty(part)):
            raise _checks.refused(name, "an array with a row for each example, or several", part)


def require_validation_data(data: Any) -> None:
    """Refuse `validation_data` that no model could be evaluated on.

    Raises:
        ValueError: as `require_data`, or if there are too many parts.
    """
    if data is None:
        return
    name = "validation_data"
    parts = data if isinstance(data, (list, tuple)) else (data,)
    if not 1 <= len(parts) <= 3:
        raise _checks.refused(name, "a data set, (x, y) or (x, y, sample_weight)", data)
    require_data(*parts, names=[name] * 3)


def _is_empty(arrays: Any) -> bool:
    if not are_arrays(arrays):
        return False
    shapes = [tuple(np.shape(leaf)) for leaf in keras.tree.flatten(arrays) if leaf is not None]
    return not all(shape and shape[0] for shape in shapes)


def require_even_batches(
    name: str, data: Any, batch_size: int | None, steps_per_epoch: int | None = None
) -> None:
    """Fail before the first step if JAX could not cut the batches over its devices.

    The sizes of a `tf.data.Dataset` are found out by reading it once, if its end is known.

    Raises:
        ValueError: with the sizes that fit.
    """
    distribution = keras.distribution.distribution()
    if data is None or keras.backend.backend() != "jax" or distribution is None:
        return
    mesh = distribution.device_mesh
    devices = mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)]
    uneven = sorted(
        size for size in _batch_sizes(data, batch_size, steps_per_epoch) if size % devices
    )
    if uneven:
        raise ValueError(
            f"Over {devices} devices, JAX needs batches of a multiple of {devices} examples, the "
            f"last one included. Received in `{name}` batches of {uneven}. Take a batch size that "
            f"is a multiple of {devices}, and a multiple of {devices} examples or "
            "`drop_remainder=True`."
        )


def _batch_sizes(data: Any, batch_size: int | None, steps_per_epoch: int | None) -> set[int]:
    if is_function_of_epoch(data):
        data = data(0) if takes(data, 1) else data(0, 0, 1)
    if isinstance(data, keras.utils.PyDataset):
        steps = data.num_batches
        batches = [data[number] for number in ({0, steps - 1} if steps else {0})]
    elif is_tf_dataset(data):
        batches = data if (number_of_batches(data) or 0) else data.take(1)
    elif are_arrays(data):
        count = number_of_examples(data)
        batch_size = size_of_batches(count, batch_size, steps_per_epoch)
        return {min(count, batch_size), count % batch_size} - {0}
    else:
        return set()
    return {number_of_examples(batch) for batch in batches}
