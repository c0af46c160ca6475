"""A network read once, run by the interpreter, and made anew."""

import keras
import numpy as np
from keras import layers, ops

from keras_negact.graph import Edit, Interpreter, read_graph, rewrite
from tests.support.backends import to_numpy


def network():
    tower = [keras.Input((8,)), layers.Dense(6, "relu", name="in"), layers.Dense(8, name="out")]
    tower = keras.Sequential(tower, name="tower")
    first, second = keras.Input((8,), name="first"), keras.Input((8,), name="second")
    inner = keras.Model([first, second], layers.Add(name="add")([first, second]), name="inner")
    a, b = keras.Input((8,), name="a"), keras.Input((8,), name="b")
    x = inner({"second": tower(tower(a)), "first": tower(b)})
    return keras.Model({"a": a, "b": b}, [ops.relu(x) * 2.0, x])


def examples():
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(3, 8)).astype("float32") for name in "ab"}


def test_every_call_is_there_once():
    graph = read_graph(network())
    calls = [call for call in graph.all_calls if not call.is_input]
    assert len(calls) == len(set(calls)) == 5
    assert sorted(call.path for call in graph.calls if call.body) == ["inner", *["tower"] * 3]
    (tower,) = [body for body in graph.bodies if body.model.name == "tower"]
    assert len(graph.bodies[tower]) == 3
    # Seen through the borders: the tower feeds itself and the sum, and is fed by input and itself.
    readers = {call.path for call in graph.readers(tower.outputs[0])}
    assert readers == {"tower/in", "inner/add"}
    producers = {call.path for call in graph.producers(tower.inputs[0])}
    assert producers == {"a", "b", "tower/out"}


def test_the_interpreter_computes_what_the_network_computes():
    model = network()
    x = examples()
    results = Interpreter().run(read_graph(model), [x["a"], x["b"]])
    for mine, theirs in zip(results, model(x), strict=True):
        np.testing.assert_array_equal(to_numpy(mine), to_numpy(theirs))


def test_rewriting_without_edits_copies():
    model = network()
    clone = rewrite(read_graph(model), {})
    for mine, theirs in zip(clone(examples()), model(examples()), strict=True):
        np.testing.assert_array_equal(to_numpy(mine), to_numpy(theirs))
    assert len(clone.weights) == len(model.weights)
    assert not any(a is b for a in clone.variables for b in model.variables)


def test_an_edit_stands_in_the_place_of_its_call():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.ReLU(name="relu")(layers.Dense(3, name="dense")(inputs)))
    graph = read_graph(model)
    relu = next(call for call in graph.calls if call.path == "relu")
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    removed = rewrite(graph, {relu: Edit([])})
    linear = to_numpy(model.get_layer("dense")(x))
    np.testing.assert_array_equal(to_numpy(removed(x)), linear)
    doubled = rewrite(graph, {relu: Edit([layers.Rescaling(2.0), layers.Rescaling(3.0)])})
    np.testing.assert_allclose(to_numpy(doubled(x)), 6.0 * linear, rtol=1e-6)
