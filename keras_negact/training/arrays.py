"""Arrays as `Model.fit` takes them, and the order of their examples."""

from typing import Any

import keras
import numpy as np

from keras_negact.training.sources import Place, Source


class Arrays(Source):
    """Arrays, in an order that is a function of seed and epoch.

    Args:
        x, y, sample_weight, batch_size, shuffle, class_weight, steps_per_epoch: as for `Model.fit`.

    Raises:
        ValueError: if the arrays don't go together.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        batch_size: int | None = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        steps_per_epoch: int | None = None,
    ):
        super().__init__()
        x, y, sample_weight = (
            keras.tree.map_structure(as_dense, part) for part in (x, y, sample_weight)
        )
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("Give `class_weight` or `sample_weight`, not both.")
            sample_weight = class_weights(y, class_weight)
        elif sample_weight is not None and keras.tree.is_nested(y):
            sample_weight = one_for_each_output(sample_weight, y)
        self.arrays = keras.utils.pack_x_y_sample_weight(x, y, sample_weight)
        sizes = {len(array) for array in keras.tree.flatten(self.arrays) if array is not None}
        if len(sizes) != 1 or 0 in sizes:
            raise ValueError(
                "All arrays must hold the same number of examples, at least one. "
                f"Received: {sorted(sizes)}"
            )
        self.examples = sizes.pop()
        self.batch_size = size_of_batches(self.examples, batch_size, steps_per_epoch)
        self.steps = -(-self.examples // self.batch_size)
        self.size = [self.examples, self.batch_size]
        self._shuffled = shuffle

    def order(self, epoch: int) -> np.ndarray:
        """The numbers of the examples in the order of a pass that begins with `epoch`."""
        order = np.arange(self.examples)
        if not self._shuffled:
            return order
        generator = np.random.default_rng((self.seed, epoch))
        if self._shuffled == "batch":
            for start in range(0, self.examples, self.batch_size):
                generator.shuffle(order[start : start + self.batch_size])
            return order
        return generator.permutation(self.examples)

    def example(self, whole: bool = False) -> Any:
        size = self.batch_size if whole else 1
        return keras.tree.map_structure(lambda array: array[:size], self.arrays, none_is_leaf=False)

    def begin(self, place: Place, limit: int | None) -> Any:
        self._pass_epoch = place.pass_epoch
        if keras.backend.backend() == "tensorflow":
            from keras_negact.training.tf_data import gathered

            make = gathered
        else:
            make = _Gathered
        return make(self.arrays, self._order_now, self.batch_size, place.skip, self.steps)

    def _order_now(self) -> np.ndarray:
        return self.order(self._pass_epoch)


class _Gathered(keras.utils.PyDataset):
    """The batches of `Arrays`, made by NumPy."""

    def __init__(self, arrays, order, batch_size: int, skip: int, steps: int):
        super().__init__()
        self._arrays, self._order_of_pass = arrays, order
        self._batch_size, self._skip, self._steps = batch_size, skip, steps
        self._order = None

    def __len__(self) -> int:
        return self._steps - self._skip

    def __getitem__(self, number: int) -> Any:
        if number == 0:
            self._order = self._order_of_pass()
        start = (self._skip + number) * self._batch_size
        chosen = self._order[start : start + self._batch_size]
        batch = keras.tree.map_structure(
            lambda array: array[chosen], self._arrays, none_is_leaf=False
        )
        return batch if isinstance(batch, (tuple, dict)) else (batch,)


def are_arrays(x: Any) -> bool:
    """Whether `x` is an array or a structure of arrays."""
    leaves = [leaf for leaf in keras.tree.flatten(x) if leaf is not None]
    return bool(leaves) and all(
        hasattr(leaf, "shape") or hasattr(leaf, "__array__") for leaf in leaves
    )


def are_dense(x: Any) -> bool:
    """Whether no array of `x` is sparse or ragged."""
    return not any(_thin(leaf) for leaf in keras.tree.flatten(x))


def class_weights(y: Any, class_weight: dict[int, float]) -> np.ndarray:
    """The weight of each example by its class, as Keras counts classes.

    Raises:
        ValueError: as `require_classes`.
    """
    require_classes(y)
    labels = np.asarray(y)
    if labels.ndim > 1:
        labels = labels.argmax(-1) if labels.shape[-1] != 1 else labels[..., 0]
    labels = np.round(labels).astype("int32")
    return np.array([class_weight.get(int(label), 1.0) for label in labels], keras.config.floatx())


def require_classes(y: Any) -> None:
    """Fail unless targets are one class for each example.

    Raises:
        ValueError: with what they are.
    """
    if y is None or keras.tree.is_nested(y):
        raise ValueError("`class_weight` needs one output with targets that are classes.")
    # Of a tensor in a graph not even the rank need be known.
    is_known = getattr(y.shape, "rank", 0) is not None
    if is_known and len(y.shape) > 2:
        raise ValueError(
            "`class_weight` needs one class for each example; these targets have the shape "
            f"{tuple(y.shape)}. Give sample weights instead."
        )


def split_validation(arrays: tuple[Any, Any, Any], fraction: float) -> tuple[tuple, tuple]:
    """Cut the last `fraction` of the examples off as validation data, as `Model.fit` does.

    Raises:
        ValueError: if the data aren't arrays, or one part would be empty.
    """
    if not are_arrays(arrays[0]):
        raise ValueError("`validation_split` needs arrays; give datasets as `validation_data`.")
    arrays = keras.tree.map_structure(as_dense, arrays)
    size = number_of_examples(arrays)
    cut = int(size * (1 - fraction))
    if not 0 < cut < size:
        raise ValueError(
            f"`validation_split={fraction}` leaves nothing to train or to validate on: "
            f"{size} examples."
        )

    def part(chosen: slice) -> tuple:
        return keras.tree.map_structure(lambda one: None if one is None else one[chosen], arrays)

    return part(slice(cut)), part(slice(cut, None))


def as_dense(array: Any) -> Any:
    """An array as Keras takes it: floating point in Keras's precision, a series as a column."""
    if array is None:
        return None
    kind = type(array).__module__.partition(".")[0]
    if _thin(array):
        raise ValueError(
            "Arrays must be dense where their order or their cut is made here; give a "
            f"`tf.data.Dataset` instead. Received: {type(array).__name__}"
        )
    column = kind == "pandas" and array.ndim == 1
    if kind == "tensorflow" or kind == "torch":
        array = keras.ops.convert_to_numpy(array)
    array = np.asarray(array)
    if np.issubdtype(array.dtype, np.floating):
        array = array.astype(keras.config.floatx(), copy=False)
    return array[:, None] if column else array


def one_for_each_output(sample_weight: Any, y: Any) -> Any:
    if keras.tree.is_nested(sample_weight):
        try:
            keras.tree.assert_same_structure(y, sample_weight)
        except ValueError as error:
            raise ValueError(
                "`sample_weight` must be one array, or one for each output as in `y`."
            ) from error
        return sample_weight
    if sample_weight.ndim > 1 and sample_weight.shape[1:] != (1,):
        raise ValueError(
            "One `sample_weight` for several outputs must hold one number for each example. "
            f"Received the shape: {sample_weight.shape}"
        )
    return keras.tree.map_structure(lambda _: sample_weight, y)


def size_of_batches(examples: int, batch_size: int | None, steps_per_epoch: int | None) -> int:
    """Examples in a batch, as Keras chooses where nothing is said."""
    if batch_size is None and steps_per_epoch:
        return -(-examples // steps_per_epoch)
    return batch_size or 32


def number_of_examples(batch: Any) -> int:
    return int(next(one for one in keras.tree.flatten(batch) if one is not None).shape[0])


def _thin(array: Any) -> bool:
    name = type(array).__name__
    return type(array).__module__.startswith("scipy") or "Sparse" in name or "Ragged" in name
