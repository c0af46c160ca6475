"""All that a training run needs in order to go on as if it had not been interrupted."""

import collections
import contextlib
import csv
import hashlib
import inspect
import io
import json
import os
import pathlib
import random
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_negact import _files
from keras_negact._packing import fingerprint
from keras_negact.graph import layers_within, recurrent_states
from keras_negact.training.optimizers import optimizers_of

#: Where `ModelCheckpoint`, `CSVLogger` and `TensorBoard` write, and others that follow them.
PATHS = ("filepath", "filename", "log_dir")
#: Groups of variables that a backup need not have: those of old versions have no recurrent states.
NOT_ALWAYS_KEPT = {"metrics", "recurrent states"}
_BYTES = {"float64": 8, "int64": 8, "float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1, "bool": 1}


def capture_variables(model: keras.Model, metrics: bool = True) -> dict[str, list[np.ndarray]]:
    """The values of all variables: weights, layers' random and recurrent states, optimizers.

    And metrics if asked. They are copies, and change no more.
    """
    return {
        group: [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
        for group, variables in _variables(model).items()
        if metrics or group != "metrics"
    }


def restore_variables(model: keras.Model, values: dict[str, list[np.ndarray]]) -> None:
    """Assign what `capture_variables` returned.

    Raises:
        ValueError: if it came from another model or optimizer.
    """
    groups = _variables(model)
    for group in NOT_ALWAYS_KEPT - values.keys():
        groups.pop(group, None)
    if values.keys() != groups.keys():
        raise ValueError(
            f"The backup was made by another model: it holds {sorted(values)}, and the model has "
            f"{sorted(groups)}."
        )
    for group, variables in groups.items():
        kept = [tuple(value.shape) for value in values[group]]
        wanted = [tuple(variable.shape) for variable in variables]
        if kept != wanted:
            raise ValueError(
                f"The backup was made by another {group}: it holds {len(kept)} variables and the "
                f"{group} has {len(wanted)}"
                + (_first_difference(kept, wanted, variables) or _unmade(model))
            )
    for group, variables in groups.items():
        for variable, value in zip(variables, values[group], strict=True):
            variable.assign(value)


def size_in_bytes(model: keras.Model) -> int:
    """How many bytes the values of all variables take."""
    return sum(
        int(np.prod(variable.shape)) * _BYTES.get(variable.dtype, 4)
        for variables in _variables(model).values()
        for variable in variables
    )


def capture_random_state() -> dict[str, Any]:
    """The state of the generators that belong to the process; layers' own are among the variables.

    Those of Python and NumPy, and PyTorch's, from which Keras's dropout draws there.
    """
    captured = {"python": random.getstate(), "numpy": np.random.get_state()}
    if keras.backend.backend() == "torch":
        import torch

        captured["torch"] = torch.get_rng_state().numpy()
        captured["cuda"] = [one.numpy() for one in torch.cuda.get_rng_state_all()]
    return captured


def restore_random_state(captured: dict[str, Any]) -> None:
    """Set the generators to what `capture_random_state` returned."""
    random.setstate(captured["python"])
    np.random.set_state(captured["numpy"])
    if "torch" in captured and keras.backend.backend() == "torch":
        import torch

        torch.set_rng_state(torch.from_numpy(captured["torch"]))
        devices = range(min(len(captured["cuda"]), torch.cuda.device_count()))
        for device in devices:
            torch.cuda.set_rng_state(torch.from_numpy(captured["cuda"][device]), device)


@contextlib.contextmanager
def random_state_kept() -> Iterator[None]:
    """Let nothing that is done meanwhile count as drawn from the generators of the process."""
    before = capture_random_state()
    yield
    restore_random_state(before)


def has_own_step(model: keras.Model) -> bool:
    """Whether the model's class says itself what a training step is."""
    return type(model).train_step is not keras.Model.train_step


def build_for_training(
    model: keras.Model, example: Callable[..., Any], size: int | None = None
) -> None:
    """Make the variables of the model, its optimizers, its losses and its metrics.

    A backup restores into variables, so they have to be there, and under a distribution strategy
    they can't be made inside of a replica. No variable changes.

    Args:
        model: a compiled model.
        example: gives a batch as the model is trained on, or one like it; called with `whole=True`,
            one of as many examples.
        size: that all batches have, where it is known: a step of the model's own may count on it.
    """
    if has_own_step(model):
        _trace_step(model, example(), size)
        return
    try:
        _make_variables(model, keras.tree.map_structure(_one_example, example()))
    # Stateful layers, and losses of pairs, can do nothing with one example: in their own ways.
    except Exception:
        _make_variables(model, keras.tree.map_structure(_as_array, example(whole=True)))
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _make_variables(model: keras.Model, batch: Any) -> None:
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    if not model.built or not model.variables:
        model(x)
    # Regularizers look for their variables among those that the scope was given.
    variables = [(variable, variable) for variable in model.variables]
    with keras.StatelessScope(variables, collect_losses=True):
        y_pred = called(model, x, training=False)
        loss_of(model, x, y, y_pred, sample_weight, training=False)
        model.compute_metrics(x, y, y_pred, sample_weight)


def called(model: keras.Model, x: Any, training: bool) -> Any:
    """What the model makes of `x`; its `call` need not take `training`."""
    return model(x, training=training) if _takes_training(model.call) else model(x)


def loss_of(
    model: keras.Model, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool
) -> Any:
    """The loss; a `compute_loss` of the model's own need not take `training`."""
    more = {"training": training} if _takes_training(model.compute_loss) else {}
    return model.compute_loss(x, y, y_pred, sample_weight, **more)


def _takes_training(function: Callable) -> bool:
    return "training" in inspect.signature(function).parameters


def _one_example(leaf: Any) -> Any:
    leaf = _as_array(leaf)
    return leaf[:1] if isinstance(leaf, np.ndarray) else leaf


def _as_array(leaf: Any) -> Any:
    # Sparse and ragged tensors are no arrays, and stay what they are.
    return np.atleast_1d(leaf) if hasattr(leaf, "__array__") else leaf


def _trace_step(model: keras.Model, batch: Any, size: int | None) -> None:
    """Let a model that has a step of its own make its variables, without taking that step."""
    if keras.backend.backend() != "tensorflow" or model.run_eagerly:
        _build_by_call(model, batch)
        return
    import tensorflow as tf

    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        # Variables that a step makes on a replica are an error of their own, which names them.
        return

    def specification(leaf: Any) -> tf.TensorSpec | None:
        if leaf is None:
            return None
        leaf = np.asarray(leaf)
        return tf.TensorSpec([size, *leaf.shape[1:]], leaf.dtype)

    tf.function(model.train_step, autograph=False).get_concrete_function(
        tf.nest.map_structure(specification, keras.tree.lists_to_tuples(batch))
    )


def _build_by_call(model: keras.Model, batch: Any) -> None:
    """Make what can be made without a graph; what only the first step makes can't be restored."""
    x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
    if not model.built:
        # A model with a step of its own need not have a `call`, and may do anything in it.
        with contextlib.suppress(Exception):
            model(keras.tree.map_structure(_as_array, x))
    optimizer, variables = model.optimizer, model.trainable_variables
    if optimizer is not None and not optimizer.built and variables:
        optimizer.build(variables)


def identity(model: keras.Model) -> dict[str, str]:
    """What of a model must not change between a backup and the run that goes on from it.

    The network's architecture without the names of its layers, and the optimizers' classes.
    """
    try:
        config = model.get_config()
    # A model's own `get_config` may fail in any way, and training needs none.
    except Exception:
        config = {}
    # The layers again, because a class of one's own need not say in its config what it is made of.
    layers = [type(layer).__qualname__ for layer in model.layers]
    shapes = [list(variable.shape) for variable in model.variables]
    text = json.dumps([_nameless(config), layers, shapes], default=lambda one: type(one).__name__)
    text = re.sub(r" at 0x[0-9a-f]+", "", text)
    optimizers = [_class_of(optimizer) for optimizer in optimizers_of(model).values()]
    return {
        "network": hashlib.sha256(text.encode()).hexdigest(),
        "optimizer": ", ".join(optimizers),
    }


class CallbackMemory:
    """The attributes of callbacks that changed since training began, callback by callback.

    What a callback was constructed with is left out: a run that goes on with another `patience` or
    another path uses the new one. Attributes that are no plain values (open files, functions,
    models) are left out too.
    """

    def __init__(self, callbacks: list[keras.callbacks.Callback]):
        self._callbacks = _labelled(callbacks)
        self._at_the_start = {
            label: {name: fingerprint(value) for name, value in vars(callback).items()}
            for label, callback in self._callbacks.items()
        }

    def capture(self) -> dict[str, dict[str, Any]]:
        """The changed attributes, by callback."""
        return {
            label: {
                name: value
                for name, value in vars(callback).items()
                if (now := fingerprint(value)) is not None
                and now != self._at_the_start[label].get(name)
            }
            for label, callback in self._callbacks.items()
        }

    def restore(self, memory: dict[str, dict[str, Any]]) -> None:
        """Give the callbacks back what `capture` found; those of another kind are left alone."""
        for label, attributes in memory.items():
            if label in self._callbacks:
                # Where they write is for the run at hand to say.
                for name in attributes.keys() - PATHS:
                    _give_back(self._callbacks[label], name, attributes[name])


def rewind(logger: keras.callbacks.CSVLogger, epoch: int) -> None:
    """Let `logger` go on behind `epoch` finished epochs, whatever it logged before.

    The rows of epochs that will be trained again are dropped, the others are kept even if the
    logger was made to overwrite its file.
    """
    path = pathlib.Path(logger.filename)
    if not path.exists():
        return
    try:
        with path.open(newline="") as file:
            rows = list(csv.reader(file, delimiter=logger.sep))
        if rows and rows[0][:1] != ["epoch"]:
            raise ValueError("its first line does not begin with the epoch")
    except (ValueError, csv.Error) as error:
        aside = path.with_name(path.name + ".damaged")
        os.replace(path, aside)
        warnings.warn(
            f"{path} is damaged ({error}): it is kept as {aside.name}, and a new one is begun.",
            stacklevel=2,
        )
        return
    while len(rows) > 1 and not (rows[-1] and rows[-1][0].isdigit() and int(rows[-1][0]) < epoch):
        rows.pop()
    kept = io.StringIO(newline="")
    csv.writer(kept, delimiter=logger.sep).writerows(rows if len(rows) > 1 else [])
    _files.replace(path, kept.getvalue())
    logger.append = True


def _give_back(callback: keras.callbacks.Callback, name: str, value: Any) -> None:
    present = getattr(callback, name, None)
    # A `defaultdict` has its default, a `deque` its limit, and both are packed without.
    if isinstance(value, (dict, collections.deque)) and isinstance(present, type(value)):
        present.clear()
        (present.update if isinstance(value, dict) else present.extend)(value)
    else:
        setattr(callback, name, value)


def _labelled(callbacks: list[keras.callbacks.Callback]) -> dict[str, keras.callbacks.Callback]:
    labelled: dict[str, keras.callbacks.Callback] = {}
    for callback in callbacks:
        kind = f"{type(callback).__module__}.{type(callback).__qualname__}"
        position = sum(label.startswith(f"{kind}#") for label in labelled)
        labelled[f"{kind}#{position}"] = callback
    return labelled


def _variables(model: keras.Model) -> dict[str, list[keras.Variable]]:
    states = [state for layer in layers_within(model) for state in recurrent_states(layer)]
    return {
        "model": list(model.variables),
        **{name: list(one.variables) for name, one in optimizers_of(model).items()},
        "metrics": list(model.metrics_variables),
        **({"recurrent states": states} if states else {}),
    }


def _first_difference(kept: list, wanted: list, variables: list) -> str:
    for old, new, variable in zip(kept, wanted, variables, strict=False):
        if old != new:
            return f"; `{variable.path}` has the shape {new}, the backup's {old}."
    return ""


def _unmade(model: keras.Model) -> str:
    optimizers = optimizers_of(model).values()
    if not has_own_step(model) or (model.built and all(one.built for one in optimizers)):
        return "."
    return (
        ", for its `train_step` makes them when it is first run. Make them before `fit`: call the "
        "model on a batch, and build its optimizers on the variables that they train."
    )


def _class_of(optimizer: keras.optimizers.Optimizer) -> str:
    inner = getattr(optimizer, "inner_optimizer", None)
    name = type(optimizer).__name__
    return name if inner is None else f"{name}({_class_of(inner)})"


def _nameless(config: Any, numbers: dict[str, int] | None = None) -> Any:
    """A model's config with its layers and operations numbered instead of named.

    Seeds, of which some layers draw one for themselves, and the code of lambdas, in which the line
    is noted, are left out: they are no architecture.
    """
    numbers = {} if numbers is None else numbers
    if isinstance(config, dict):
        kind = str(config.get("class_name"))
        if kind.endswith("DTypePolicy"):
            # Its name is what it is.
            return config
        if kind == "__lambda__":
            return kind
        named = isinstance(config.get("name"), str)
        if named:
            numbers.setdefault(config["name"], len(numbers))
        return {
            str(key): None if key == "seed" else _nameless(value, numbers)
            for key, value in config.items()
            if not (named and key == "name")
        }
    if isinstance(config, (list, tuple)):
        # `[name, node, tensor]` is how a config points at a layer.
        if len(config) == 3 and isinstance(config[0], str) and config[0] in numbers:
            config = [numbers[config[0]], *config[1:]]
        return [_nameless(value, numbers) for value in config]
    return config
