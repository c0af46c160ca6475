"""What `fit` may be given: kinds of data, with the arguments that go with each."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

EXAMPLES, BATCH, EPOCHS = 53, 10, 3
STEPS = -(-EXAMPLES // BATCH)
_generator = np.random.default_rng(0)
X = _generator.normal(size=(EXAMPLES, 8)).astype("float32")
Y = np.argmax(X @ _generator.normal(size=(8, 3)), -1)
Q = X.sum(1, keepdims=True)
WEIGHT = np.linspace(0.5, 2, EXAMPLES).astype("float32")
CLASS_WEIGHT = {0: 0.5, 1: 2.0}
HALVES = (X[:, :4], X[:, 4:])


def one_input(outputs: int = 1) -> keras.Model:
    return _network([keras.Input((8,), name="x")], outputs)


def two_inputs(outputs: int = 1) -> keras.Model:
    return _network([keras.Input((4,), name="a"), keras.Input((4,), name="b")], outputs)


def nested_inputs() -> keras.Model:
    return _network({"a": keras.Input((4,)), "rest": [keras.Input((2,)), keras.Input((2,))]}, 1)


def named_outputs() -> keras.Model:
    inputs = keras.Input((8,))
    inner = one_input(2)
    outputs = dict(zip("pq", inner(inputs), strict=True))
    model = keras.Model(inputs, outputs)
    losses = dict(zip("pq", inner.loss, strict=True))
    model.compile(keras.optimizers.SGD(0.01, 0.9), losses, metrics={"p": ["accuracy"]})
    return model


def _network(inputs: list | dict, outputs: int) -> keras.Model:
    keras.utils.set_random_seed(1)
    flat = keras.tree.flatten(inputs)
    hidden = flat[0] if len(flat) == 1 else keras.layers.Concatenate()(flat)
    hidden = keras.layers.Dense(6, activation="relu")(hidden)
    heads = [keras.layers.Dense(3, name="p")(hidden), keras.layers.Dense(1, name="q")(hidden)]
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = keras.Model(
        inputs if len(inputs) > 1 else inputs[0], heads if outputs == 2 else heads[0]
    )
    model.compile(
        keras.optimizers.SGD(0.01, 0.9),
        [crossentropy, "mse"] if outputs == 2 else crossentropy,
        metrics=[["accuracy"], ["mae"]] if outputs == 2 else ["accuracy"],
        weighted_metrics=[["accuracy"], []] if outputs == 2 else ["accuracy"],
    )
    return model


class InMemory(keras.utils.PyDataset):
    """Batches by number; remembers what it was asked for and told."""

    def __init__(self, *arrays, **arguments):
        super().__init__(**arguments)
        self._arrays = arrays
        self.told: list[str] = []
        self.asked: list[int] = []

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        self.asked.append(index)
        chosen = slice(index * BATCH, (index + 1) * BATCH)
        return keras.tree.map_structure(lambda array: array[chosen], self._arrays)

    def on_epoch_begin(self):
        self.told.append("begin")

    def on_epoch_end(self):
        self.told.append("end")


def batches(*arrays, passes: int = 1) -> Iterator[tuple]:
    for _, start in itertools.product(range(passes), range(0, EXAMPLES, BATCH)):
        part = slice(start, start + BATCH)
        yield keras.tree.map_structure(lambda array, part=part: array[part], arrays)


def dataset(*arrays) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(arrays).batch(BATCH)


def unknown(*arrays) -> tf.data.Dataset:
    return dataset(*arrays).filter(lambda *batch: True)


@dataclass(frozen=True)
class Case:
    """Arguments for `fit`, made anew for every run, and who may train on them.

    Args:
        arguments: gives the keyword arguments, `x` among them, for `fit` or `Model.fit`.
        model: makes the network.
        of_epoch: whether `x` is a function of the epoch, which `Model.fit` does not take.
        on_replicas: whether several replicas take it.
    """

    arguments: Callable[[], dict[str, Any]]
    model: Callable[[], keras.Model] = one_input
    of_epoch: bool = False
    on_replicas: bool = True


def _cases() -> dict[str, Case]:
    in_arrays = {"y": Y, "batch_size": BATCH}
    kinds = {
        "array": Case(lambda: {"x": X, **in_arrays}),
        "float64": Case(lambda: {"x": X.astype("float64"), **in_arrays}),
        "tensor": Case(lambda: {"x": tf.constant(X), **in_arrays}),
        "list": Case(lambda: {"x": list(HALVES), **in_arrays}, two_inputs),
        "tuple": Case(lambda: {"x": HALVES, **in_arrays}, two_inputs),
        "dict": Case(lambda: {"x": dict(zip("ab", HALVES, strict=True)), **in_arrays}, two_inputs),
        "nested": Case(
            lambda: {"x": {"a": HALVES[0], "rest": [X[:, 4:6], X[:, 6:]]}, **in_arrays},
            nested_inputs,
        ),
        "outputs": Case(
            lambda: {"x": list(HALVES), "y": [Y, Q], "batch_size": BATCH}, lambda: two_inputs(2)
        ),
        "dataset": Case(lambda: {"x": dataset(X, Y)}),
        "unknown": Case(lambda: {"x": unknown(X, Y)}),
        "PyDataset": Case(lambda: {"x": InMemory(X, Y)}, on_replicas=False),
        "PyDataset-threads": Case(lambda: {"x": InMemory(X, Y, workers=2)}, on_replicas=False),
        "function": Case(lambda: {"x": lambda epoch: dataset(X, Y)}, of_epoch=True),
        "generator": Case(
            lambda: {"x": batches(X, Y, passes=EPOCHS), "steps_per_epoch": STEPS},
            on_replicas=False,
        ),
    }
    arrays = ("array", "float64", "tensor", "list", "tuple", "dict", "nested", "outputs")
    found = dict(kinds)

    def add(kind: str, option: str, **more):
        case = kinds[kind]
        found[f"{kind}+{option}"] = Case(
            lambda: {**case.arguments(), **more}, case.model, case.of_epoch, case.on_replicas
        )

    def held_out(kind: str) -> tuple:
        x = X[:20]
        if kind in ("list", "outputs"):
            x = [half[:20] for half in HALVES]
        if kind == "tuple":
            x = tuple(half[:20] for half in HALVES)
        if kind == "nested":
            x = {"a": HALVES[0][:20], "rest": [X[:20, 4:6], X[:20, 6:]]}
        if kind == "dict":
            x = {name: half[:20] for name, half in zip("ab", HALVES, strict=True)}
        return x, [Y[:20], Q[:20]] if kind == "outputs" else Y[:20]

    for kind in kinds:
        add(kind, "validation_data", validation_data=held_out(kind), validation_freq=2)
        if kind not in ("outputs", "generator"):
            # Keras takes classes without a weight in arrays alone.
            missing = {} if kind in arrays or kind.startswith("PyDataset") else {2: 1.0}
            add(kind, "class_weight", class_weight={**CLASS_WEIGHT, **missing})
        if kind in arrays:
            add(kind, "validation_split", validation_split=0.25)
            add(kind, "sample_weight", sample_weight=WEIGHT)
        if kind not in ("float64", "tensor", "tuple", "nested", "generator"):
            # A pass over several epochs, and one that has too little left for the last of them.
            add(kind, "short_epochs", steps_per_epoch=4)
            add(kind, "thirds", steps_per_epoch=2)
    for kind, make in {"dataset": dataset, "unknown": unknown}.items():
        found[f"{kind}+sample_weight"] = Case(lambda make=make: {"x": make(X, Y, WEIGHT)})
        found[f"{kind}+repeated"] = Case(
            lambda make=make: {"x": make(X, Y).repeat(), "steps_per_epoch": 7}
        )
    found["PyDataset+sample_weight"] = Case(
        lambda: {"x": InMemory(X, Y, WEIGHT)}, on_replicas=False
    )
    found["outputs+sample_weights"] = Case(
        lambda: {**kinds["outputs"].arguments(), "sample_weight": [WEIGHT, WEIGHT[::-1].copy()]},
        lambda: two_inputs(2),
    )
    found["array+steps_without_batch_size"] = Case(lambda: {"x": X, "y": Y, "steps_per_epoch": 4})
    both = (HALVES, (Y, Q))
    of_both = {
        "dataset": Case(lambda: {"x": dataset(*both)}),
        "unknown": Case(lambda: {"x": unknown(*both)}),
        "PyDataset": Case(lambda: {"x": InMemory(*both)}, on_replicas=False),
        "function": Case(lambda: {"x": lambda epoch: dataset(*both)}, of_epoch=True),
        "generator": Case(
            lambda: {"x": batches(*both, passes=EPOCHS), "steps_per_epoch": STEPS},
            on_replicas=False,
        ),
    }
    for kind, case in of_both.items():
        found[f"{kind}+outputs"] = replace(case, model=lambda: two_inputs(2))
    # Where Keras does not know the number of steps, it divides each output's loss by one step more.
    found["unknown+outputs"] = replace(found["unknown+outputs"], on_replicas=False)
    weighted = (X, Y, WEIGHT)
    found["function+sample_weight"] = Case(
        lambda: {"x": lambda epoch: dataset(*weighted)}, of_epoch=True
    )
    found["generator+sample_weight"] = Case(
        lambda: {"x": batches(*weighted, passes=EPOCHS), "steps_per_epoch": STEPS},
        on_replicas=False,
    )
    # Small targets, so that a bit of a loss is no more than the others.
    named = {"x": X, "y": {"p": Y, "q": Q / 10}, "batch_size": BATCH}
    for option, more in {
        "": {},
        "+sample_weights": {"sample_weight": {"p": WEIGHT, "q": WEIGHT[::-1].copy()}},
        "+validation_split": {"validation_split": 0.25},
    }.items():
        found[f"named{option}"] = Case(lambda more=more: {**named, **more}, named_outputs)
    return found


CASES = _cases()


class Losses(keras.callbacks.Callback):
    """The losses by step, as callbacks see them, and the numbers of the steps."""

    def __init__(self):
        super().__init__()
        self.values: list[float] = []
        self.steps: list[int] = []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(batch)
        self.values.append(logs["loss"])


def by_model_fit(case: Case) -> tuple[keras.Model, Losses]:
    """What `Model.fit` makes of it, unshuffled."""
    model, losses = case.model(), Losses()
    arguments = case.arguments()
    if case.of_epoch:
        steps = arguments.pop("steps_per_epoch", -1)
        arguments["x"] = arguments["x"](0).take(steps)
    model.fit(**arguments, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=[losses])
    return model, losses


def difference(expected, found) -> float:
    """The largest difference of two arrays, for values above 1 as a part of them."""
    expected = np.asarray(expected)
    return float((np.abs(expected - found) / np.maximum(1, np.abs(expected))).max())


def differences(expected: keras.Model, found: keras.Model) -> float:
    """The largest difference of weights or history."""
    assert expected.history.epoch == found.history.epoch
    assert expected.history.history.keys() == found.history.history.keys()
    pairs = [
        *zip(expected.get_weights(), found.get_weights(), strict=True),
        *(
            (expected.history.history[name], found.history.history[name])
            for name in expected.history.history
        ),
    ]
    return max(difference(a, b) for a, b in pairs)
