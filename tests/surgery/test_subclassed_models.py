"""Subclassed models, by a trace of their call."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_negact import LENI, clone_with_activation, plan_activation_swap
from tests.support.backends import to_numpy

IMAGES = np.random.default_rng(0).normal(size=(2, 24, 24, 3)).astype("float32")


def prelu():
    return layers.PReLU("uniform", shared_axes=[1, 2])


class Refine(keras.Model):
    """In the manner of a face detector's second stage."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = layers.Conv2D(6, 3), layers.Conv2D(8, 3)
        self.act1, self.act2, self.act3 = prelu(), prelu(), layers.PReLU("uniform")
        self.pool = layers.MaxPooling2D(3, 2, padding="same")
        self.flatten, self.dense = layers.Flatten(), layers.Dense(12)
        self.dropout = layers.Dropout(0.2)
        self.face, self.box = layers.Dense(2, activation="softmax"), layers.Dense(4)

    def call(self, inputs, training=None):
        x = self.pool(self.act1(self.first(inputs)))
        x = self.pool(self.act2(self.second(x)))
        x = self.dropout(self.act3(self.dense(self.flatten(x))), training=training)
        return {"face": self.face(x), "box": self.box(x)}


class Cascade(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stages = [Refine(name="coarse"), Refine(name="fine")]

    def call(self, inputs):
        first, second = (stage(inputs) for stage in self.stages)
        return first["box"] + second["box"]


def test_the_clone_computes_and_trains_the_same():
    model = Refine()
    expected = model(IMAGES)
    plan = plan_activation_swap(model)
    assert [site.action for site in plan.sites] == ["swap"] * 3 + ["leave"]
    clone = plan.apply()
    for name, value in clone(IMAGES).items():
        np.testing.assert_allclose(to_numpy(value), to_numpy(expected[name]), atol=1e-6)
    assert sum(isinstance(layer, LENI) for layer in clone.layers) == 3
    copy = clone_with_activation(model, lambda site: None)
    labels = {name: np.zeros(value.shape) for name, value in expected.items()}
    model.dropout.rate = copy.get_layer(model.dropout.name).rate = 0.0
    for trained in (model, copy):
        trained.compile(keras.optimizers.SGD(0.1), {"face": "mse", "box": "mse"})
        trained.train_on_batch(IMAGES, labels)
    for name, value in copy(IMAGES).items():
        np.testing.assert_allclose(to_numpy(value), to_numpy(model(IMAGES)[name]), atol=1e-5)


def test_models_within_are_opened():
    model = Cascade()
    clone = clone_with_activation(model, inputs=keras.Input((24, 24, 3)))
    np.testing.assert_allclose(to_numpy(clone(IMAGES)), to_numpy(model(IMAGES)), atol=1e-5)
    paths = [site.path for site in plan_activation_swap(model).sites]
    assert sum(path.startswith("coarse/") for path in paths) == 4


class Weighted(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4, activation="relu")
        self.own = self.add_weight(name="own", shape=(4,))

    def call(self, inputs):
        return self.dense(inputs) * self.own


class Switching(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.more = layers.Dense(4, activation="relu"), layers.Dense(4)

    def call(self, inputs, training=False):
        x = self.dense(inputs)
        return self.more(x) if training else x


class Penalized(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4, activation="relu")

    def call(self, inputs):
        x = self.dense(inputs)
        self.add_loss(ops.mean(x))
        return x


class Flattening(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4, activation="relu")

    def call(self, inputs):
        return self.dense(ops.reshape(inputs, (ops.shape(inputs)[0], 3)))


class Looping(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4, activation="relu")

    def call(self, inputs):
        x = self.dense(inputs)
        return x if float(ops.max(x)) > 0 else -x


class Hidden(keras.Model):
    """Two layers of one width, put together in ways of their own below."""

    def __init__(self):
        super().__init__()
        self.dense, self.more = layers.Dense(3, activation="relu"), layers.Dense(3)


class Scaling(Hidden):
    def call(self, inputs, training=False):
        x = self.more(self.dense(inputs))
        return x * (2.0 if training else 3.0)


class Flipping(Hidden):
    def call(self, inputs, training=False):
        return ops.flip(self.more(self.dense(inputs)), axis=1 if training else 0)


class Rewired(Hidden):
    def call(self, inputs, training=False):
        x = self.dense(inputs)
        y = self.more(x)
        return y - x if training else y - y


class Tied(Hidden):
    def call(self, inputs):
        return ops.matmul(self.more(self.dense(inputs)), ops.transpose(self.more.kernel))


class TiedDirectly(Hidden):
    def call(self, inputs):
        return ops.matmul(self.more(self.dense(inputs)), self.more.kernel)


class Told(Hidden):
    """Says a word on training in every way."""

    def __init__(self):
        super().__init__()
        self.normalization, self.dropout = layers.BatchNormalization(), layers.Dropout(0.5)

    def call(self, inputs, training=None):
        x = self.dropout(self.dense(inputs), training=training)
        x = self.normalization(x, training=training) + ops.arange(3, dtype="float32")
        return self.more(ops.multiply(x, np.array([1.0, 2.0, 3.0], "float32")))


def test_a_word_on_training_and_constants_are_no_difference():
    model, x = Told(), np.ones((2, 3), "float32")
    model(x)
    clone = clone_with_activation(model)
    np.testing.assert_allclose(to_numpy(clone(x)), to_numpy(model(x)), atol=1e-6)


class Pair(Hidden):
    def call(self, first, second):
        return self.dense(first) + self.more(second)


def test_one_argument_is_asked_for():
    model, x = Pair(), np.ones((2, 3), "float32")
    model(x, x)
    with pytest.raises(ValueError, match="missing 1 required positional argument: 'second'"):
        clone_with_activation(model)


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (Scaling, "other things in training"),
        (Flipping, "other things in training"),
        (Rewired, "other things in training"),
        (Tied, "a weight of a layer is used outside"),
        (TiedDirectly, "a weight of a layer is used outside"),
        (Weighted, "weights are in none of the layers"),
        (Switching, "other things in training"),
        (Penalized, "adds losses"),
        (Looping, "does not run on symbolic tensors"),
        (Flattening, "is given a size that is unknown"),
    ],
)
def test_what_a_trace_would_lose_is_refused(kind, cause):
    model = kind()
    model(np.ones((2, 3), "float32"), **({"training": True} if kind is Switching else {}))
    with pytest.raises(ValueError, match=f"subclassed model.*{cause}"):
        clone_with_activation(model, inputs=keras.Input((3,)))


def test_unknown_shapes_are_asked_for():
    with pytest.raises(ValueError, match="inputs="):
        clone_with_activation(Refine())


class Embedded(keras.Model):
    """Reads numbers of words, which half a precision would round."""

    def __init__(self, cast=False, **kwargs):
        super().__init__(**kwargs)
        self.cast = cast
        self.embedding = layers.Embedding(5_000, 8)
        self.hidden, self.head = layers.Dense(8, activation="relu"), layers.Dense(1)

    def call(self, inputs):
        inputs = ops.cast(inputs, "int32") if self.cast else inputs
        return self.head(self.hidden(self.embedding(inputs)))


@pytest.mark.parametrize("cast", [False, True])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_numbers_of_words_stay_what_they_are(policy, cast):
    model = Embedded(cast, dtype=policy)
    words = np.arange(0, 5_000, 7)[:, None]
    expected = to_numpy(model(words))
    np.testing.assert_array_equal(to_numpy(clone_with_activation(model)(words)), expected)


class Reader(keras.Model):
    """Given more than an input, it does more than a trace of one input has seen."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(4, activation="relu")

    def call(self, inputs, skip=None, scale=1.0, mask=None):
        x = scale * self.hidden(inputs)
        x = x if skip is None else x + skip
        return x if mask is None else x * ops.cast(mask, x.dtype)[..., None]

    def get_config(self):
        return {"name": self.name}


@pytest.mark.parametrize("given", ["skip", "scale", "in its place", "a mask"])
def test_a_nested_one_that_is_given_more_than_an_input(given):
    inputs, reader = keras.Input((6,)), Reader(name="reader")
    x = layers.Embedding(9, 4, mask_zero=given == "a mask")(inputs)
    if given == "skip":
        x = reader(x, skip=x)
    elif given == "scale":
        x = reader(x, scale=3.0)
    else:
        x = reader(x, x) if given == "in its place" else reader(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.ReLU(name="outer")(x)))
    words = np.array([[1, 2, 0, 0, 0, 0], [3, 4, 5, 0, 0, 0]])
    expected = to_numpy(model(words))
    assert np.abs(expected).max() > 0
    plan = plan_activation_swap(model)
    assert {site.path: site.action for site in plan.sites} == {"reader": "leave", "outer": "swap"}
    np.testing.assert_allclose(to_numpy(plan.apply()(words)), expected, atol=1e-6)


def test_a_nested_one_that_is_called_on_two_sizes():
    class Pooled(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.hidden = layers.Conv2D(4, 3, activation="relu")

        def call(self, inputs):
            return ops.mean(self.hidden(inputs), axis=(1, 2))

        def get_config(self):
            return {"name": self.name}

    small, large, pooled = keras.Input((8, 8, 3)), keras.Input((16, 16, 3)), Pooled()
    model = keras.Model([small, large], layers.Dense(2)(pooled(small) + pooled(large)))
    images = [IMAGES[:, :8, :8], IMAGES[:, :16, :16]]
    clone = clone_with_activation(model, lambda site: None)
    np.testing.assert_allclose(to_numpy(clone(images)), to_numpy(model(images)), atol=1e-6)
    assert clone.count_params() == model.count_params()
