"""Subclasses of Functional and of Sequential: what comes back, and what is said of the rest."""

import warnings
from types import MethodType

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_negact import clone_with_activation, fold_for_inference
from tests.support.backends import to_numpy

X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


def graph():
    inputs = keras.Input((4,))
    x = layers.Dense(3, activation="relu", name="hidden")(inputs)
    return inputs, layers.Dense(2, name="last")(x)


def same_outputs(first, second):
    np.testing.assert_allclose(to_numpy(first(X)), to_numpy(second(X)), atol=1e-6)


class Taking(keras.Model):
    """Takes a graph, and something more."""

    def __init__(self, inputs, outputs, factor, **kwargs):
        super().__init__(inputs, outputs, **kwargs)
        self.factor = factor

    def train_step(self, data):
        return {"factor": self.factor}


class Making(keras.Model):
    """Makes its own graph of two inputs."""

    def __init__(self, **kwargs):
        first, second = keras.Input((4,)), keras.Input((4,))
        super().__init__([first, second], layers.ReLU()(first + second), **kwargs)
        self.note = "mine"

    def train_step(self, data):
        return {}


def test_a_subclass_that_takes_a_graph_stays():
    inputs = keras.Input((4,))
    model = Taking(inputs, layers.Dense(2)(layers.Dense(3, activation="relu")(inputs)), 0.5)
    clone = clone_with_activation(model)
    assert type(clone) is Taking
    assert clone.factor == 0.5


@keras.saving.register_keras_serializable(package="tests")
class Scaling(layers.Layer):
    """A preprocessor, beside the graph."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Pipeline(keras.Model):
    """Preprocesses what it is given, as the tasks of keras-hub do."""

    def predict(self, x, **kwargs):
        return super().predict(self.preprocessor(x), **kwargs)


class Classifier(Pipeline):
    """Makes its own graph of a backbone, and keeps a preprocessor beside it."""

    def __init__(self, backbone, classes, preprocessor=None, **kwargs):
        head = layers.Dense(classes, name="predictions")
        outputs = head(layers.ReLU(name="pooled")(backbone(backbone.input)))
        super().__init__(backbone.input, outputs, **kwargs)
        self.backbone, self.head = backbone, head
        self.preprocessor, self.classes = preprocessor, classes

    def get_config(self):
        return {"backbone": self.backbone, "classes": 2, "preprocessor": self.preprocessor}


class Wrapping(Pipeline):
    """The same, of a graph that it is given."""

    def __init__(self, inputs, outputs, backbone, preprocessor, **kwargs):
        super().__init__(inputs, outputs, **kwargs)
        self.parts = {"backbone": backbone}
        self.seen = keras.metrics.Mean(name="seen")
        self.preprocessor = preprocessor


def backbone():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(6, activation="relu")(inputs), name="backbone")


def test_a_task_with_a_preprocessor_says_what_it_loses():
    task = Classifier(backbone(), 2, Scaling(0.5), name="task")
    lost = "without predict, preprocessor"
    with pytest.warns(UserWarning, match=rf"`task` \(Classifier\).*{lost}\.") as caught:
        clone = clone_with_activation(task)
    assert len(caught) == 1
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(clone(x), task(x), atol=1e-6)
    # What is left does what it says: it predicts what the preprocessor has prepared.
    np.testing.assert_allclose(clone.predict(x * 0.5, verbose=0), task.predict(x, verbose=0))


def test_a_task_that_takes_its_graph_works_with_its_preprocessor():
    body = backbone()
    outputs = layers.Dense(2)(body(body.input))
    task = Wrapping(body.input, outputs, body, Scaling(0.5), name="task")
    task.compile(keras.optimizers.Adam(0.25), "mse")
    clone = clone_with_activation(task)
    assert type(clone) is Wrapping
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    predicted = task.predict(x, verbose=0)
    np.testing.assert_allclose(clone.predict(x, verbose=0), predicted, atol=1e-6)
    # Its parts are the clone's own.
    assert clone.parts["backbone"] is clone.get_layer("backbone") is not body
    assert clone.preprocessor is not task.preprocessor
    assert clone.seen is not task.seen
    assert clone.optimizer is not task.optimizer
    assert float(clone.optimizer.learning_rate) == 0.25


def test_one_warning_says_what_a_subclass_loses():
    first, second = keras.Input((4,)), keras.Input((4,))
    model = keras.Model([first, second], layers.Dense(1)(Making(name="made")([first, second])))
    x = [np.ones((2, 4), "float32"), -2 * np.ones((2, 4), "float32")]
    with pytest.warns(UserWarning, match=r"`made` \(Making\).*without note, train_step") as caught:
        clone = clone_with_activation(model)
    assert len(caught) == 1
    np.testing.assert_allclose(to_numpy(clone(x)), to_numpy(model(x)))


class Passing(keras.Model):
    """The way of Keras's guides: whatever it is given goes on."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.seen = keras.metrics.Mean(name="seen")

    def train_step(self, data):
        self.seen.update_state(ops.sum(data[0]))
        return {"seen": self.seen.result()}


def test_a_constructor_that_passes_all_on_takes_a_graph():
    model = Passing(*graph(), name="passing")
    clone = clone_with_activation(model)
    assert type(clone) is Passing
    assert clone.name == "passing"
    assert clone.seen is not model.seen
    same_outputs(model, clone)
    clone.compile("sgd")
    assert list(clone.fit(X, verbose=0).history) == ["seen"]


class Plain(keras.Model):
    """Is given more after it was made."""

    def train_step(self, data):
        return {"scaled": self.factor * ops.sum(self.preprocessor(data[0]))}


def test_attributes_that_were_set_later_stay():
    model = Plain(*graph())
    model.factor, model.preprocessor = 2.0, layers.Rescaling(0.5)
    model.last, model.noise = model.get_layer("last"), keras.random.SeedGenerator(3)
    keras.random.normal((2,), seed=model.noise)
    clone = clone_with_activation(model)
    assert clone.factor == 2.0
    assert clone.preprocessor is not model.preprocessor
    assert clone.last is clone.get_layer("last") is not model.last
    assert clone.noise.state is not model.noise.state
    np.testing.assert_array_equal(clone.noise.state, model.noise.state)
    clone.compile("sgd")
    scaled = clone.fit(X, X[:, :2], verbose=0).history["scaled"]
    assert scaled == [pytest.approx(X.sum(), abs=1e-5)]


def test_a_step_of_training_put_on_a_model_is_the_clones_own():
    model = keras.Model(*graph())
    model.train_step = MethodType(lambda self, data: {"name": len(self.name)}, model)
    model.name = "long"
    clone = clone_with_activation(model)
    model.name = "longer"
    clone.compile("sgd")
    assert clone.fit(X, verbose=0).history == {"name": [4]}


class Stacked(keras.Sequential):
    def predict(self, x, **kwargs):
        return super().predict(x * self.factor, **kwargs)


def test_a_sequential_subclass_keeps_its_attributes():
    model = Stacked([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)])
    model.factor = 2.0
    clone = clone_with_activation(model)
    assert type(clone) is Stacked
    expected = model.predict(X, verbose=0)
    np.testing.assert_allclose(clone.predict(X, verbose=0), expected, atol=1e-6)


def test_what_held_the_old_graph_is_named():
    model = Plain(*graph(), name="plain")
    model.hidden, model.middle = model.get_layer("hidden"), model.get_layer("hidden").output
    with pytest.warns(UserWarning, match=r"`plain` \(Plain\) is now without hidden, middle\."):
        clone_with_activation(model)


def test_what_training_leaves_in_a_model_is_no_loss():
    model = keras.Sequential([keras.Input((4,)), Narrow(name="narrow"), layers.Dense(2)])
    for each in (model, model.get_layer("narrow")):
        each.compile("sgd", "mse")
        each.fit(X, X[:, :2], verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone_with_activation(model)


class Narrow(keras.Model):
    """Makes its own graph, and does nothing else."""

    def __init__(self, **kwargs):
        super().__init__(*graph(), **kwargs)


class Scaled(Narrow):
    """Does something before its graph."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs * 2.0, training=training)


class ScaledStack(keras.Sequential):
    def call(self, inputs, training=None, mask=None):
        return super().call(inputs + 1.0, training=training)


@pytest.mark.parametrize("kind", [Scaled, ScaledStack])
def test_a_call_around_the_graph_is_not_lost(kind):
    stack = [keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)]
    inner = ScaledStack(stack) if kind is ScaledStack else Scaled()
    same_outputs(inner, clone_with_activation(inner))
    same_outputs(inner, fold_for_inference(inner, verbose=False))
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, activation="relu"), inner])
    clone = clone_with_activation(model, "on_off_relu", on_conflict="compress")
    same_outputs(model, clone)
