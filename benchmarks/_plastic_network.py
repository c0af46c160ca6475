"""A small network without normalization, and one pass of it through tasks one after the other."""

import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers

from keras_negact._activations import doubles_width, resolve_activation


def plastic_cnn(
    input_shape: tuple[int, int, int],
    num_classes: int,
    activation: str | keras.Layer | Callable[[], keras.Layer] = "relu",
    halved: bool = False,
) -> keras.Model:
    """Two convolutions with strides of 2 and a dense layer, without normalization, and activations.

    Args:
        input_shape: `(height, width, channels)`.
        num_classes: the number of logits.
        activation: a name, a layer used as a template, or a factory without arguments.
        halved: whether there are half as many filters, for an activation that doubles them.
    """
    fresh_activation = resolve_activation(activation)
    if halved and not doubles_width(fresh_activation()):
        raise ValueError(
            "`halved` goes with an activation that doubles the channels. "
            f"Received: activation={activation!r}"
        )
    part = 2 if halved else 1
    inputs = x = keras.Input(input_shape, name="images")
    for number, filters in enumerate((32, 64), start=1):
        x = layers.Conv2D(
            filters // part,
            3,
            strides=2,
            padding="same",
            kernel_initializer="he_normal",
            name=f"conv{number}",
        )(x)
        x = fresh_activation()(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(128 // part, kernel_initializer="he_normal", name="hidden")(x)
    x = fresh_activation()(x)
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x), name="plastic_cnn")


def learn_in_turn(
    model: keras.Model,
    task: Callable[[int], tuple[np.ndarray, np.ndarray]],
    tasks: int,
    epochs: int,
    batch_size: int = 50,
    after: Callable[[int, keras.Model], None] | None = None,
) -> list[dict]:
    """Train a compiled model on one task after the other, its optimizer's state carried on.

    Args:
        model: compiled with the metric `accuracy`.
        task: from a number to its examples and labels.
        tasks, epochs: how many, and of each.
        batch_size: examples in a batch.
        after: called with each task's number and the model when the task is learned.

    Returns:
        For each task `accuracy` (on its own examples, when its epochs are over), `online` (the mean
        over its epochs of the accuracy while training), `dead` (the part of the channels in front
        of each activation that are negative on every example and place), and `seconds`.
    """
    probe = _in_front_of_activations(model)
    record = []
    for number in range(tasks):
        x, y = task(number)
        start = time.perf_counter()
        history = model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0).history
        accuracy = model.evaluate(x, y, batch_size=400, verbose=0, return_dict=True)["accuracy"]
        record.append(
            {
                "accuracy": float(accuracy),
                "online": float(np.mean(history["accuracy"])),
                "dead": dead_parts(probe, x),
                "seconds": time.perf_counter() - start,
            }
        )
        if after:
            after(number, model)
    return record


def dead_parts(probe: keras.Model, x: np.ndarray) -> list[float]:
    """For each output of `probe` the part of its channels that are nowhere above zero."""
    parts = probe.predict(x, batch_size=400, verbose=0)
    return [float(np.mean(np.max(p.reshape(-1, p.shape[-1]), axis=0) <= 0)) for p in parts]


def _in_front_of_activations(model: keras.Model) -> keras.Model:
    names = [layer.name for layer in model.layers if layer.name in ("conv1", "conv2", "hidden")]
    return keras.Model(model.inputs, [model.get_layer(name).output for name in names])


def random_labels(x: np.ndarray, classes: int, seed: int, numbers: Sequence[int] = ()):
    """From a task's number to the same images under labels of its own, drawn evenly."""
    even = np.arange(len(x)) % classes

    def task(number: int):
        return x, np.random.default_rng([seed, number]).permutation(even).astype("int32")

    return task
