"""Layers that have learned from data come along with what they have learned.

As in `test_state.py`: the same outputs, and the same again after one more step of training.
"""

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import clone_with_activation
from tests.support.state import check_state, dense_behind

# Keras's lookups are TensorFlow's on every backend.
tf = pytest.importorskip("tensorflow")

TEXTS = np.array([["a\nb", "c"], ["", "d"], ["c", "c"]])


def lookup(mode, **kwargs):
    layer = layers.StringLookup(output_mode=mode, **kwargs)
    layer.adapt(TEXTS)
    inputs = keras.Input((2,), dtype="string")
    x = layer(inputs)
    return dense_behind(inputs, layers.Flatten()(layers.Embedding(9, 2)(x)) if mode == "int" else x)


@pytest.mark.parametrize("mode", ["int", "multi_hot", "count", "tf_idf"])
def test_string_lookup_with_line_breaks_and_empty_tokens(mode):
    check_state(lookup(mode), tf.constant([["a\nb", "c"], ["", "else"]]))


def test_string_lookup_with_a_mask_token():
    check_state(lookup("int", mask_token=""), tf.constant([["a\nb", "c"], ["", "else"]]))


def test_integer_lookup():
    layer = layers.IntegerLookup()
    layer.adapt(np.array([[5, 7], [9, 5]]))
    inputs = keras.Input((2,), dtype="int64")
    x = layers.Flatten()(layers.Embedding(9, 2)(layer(inputs)))
    check_state(dense_behind(inputs, x), np.array([[5, 7], [9, 1]]))


def lower(text):
    return tf.strings.lower(text)


@pytest.mark.parametrize("mode", ["int", "multi_hot", "tf_idf"])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("shape", [(), (1,)], ids=str)
def test_text_vectorization(mode, own, shape):
    functions = {"standardize": lower, "split": lambda text: tf.strings.split(text, " ")}
    layer = layers.TextVectorization(
        output_mode=mode,
        output_sequence_length=4 if mode == "int" else None,
        **(functions if own else {}),
    )
    layer.adapt(["foo bar", "bar baz qux", "Foo!"])
    inputs = keras.Input(shape, dtype="string")
    # Of texts in a column Keras expects one axis more than there is in the end.
    x = layer(inputs)
    x = layers.Flatten()(layers.Embedding(12, 2)(x)) if mode == "int" else x
    texts = np.array(["foo bar baz", "zip Foo!"]).reshape(2, *shape)
    check_state(dense_behind(inputs, x), tf.constant(texts))


def discretization():
    layer = layers.Discretization(num_bins=4)
    layer.adapt(np.arange(20.0)[:, None])
    inputs = keras.Input((1,))
    return dense_behind(inputs, layers.Flatten()(layers.Embedding(5, 2)(layer(inputs))))


def normalization():
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(3, 5, (30, 3)))
    inputs = keras.Input((3,))
    return dense_behind(inputs, layer(inputs))


def test_feature_space():
    rng = np.random.default_rng(0)
    data = {
        "size": rng.normal(3, 5, (20, 1)).astype("float32"),
        "age": rng.uniform(0, 90, (20, 1)).astype("float32"),
        "word": rng.choice(["a", "b\n", "c"], (20, 1)),
        "code": rng.integers(3, 9, (20, 1)),
    }
    kinds = keras.utils.FeatureSpace
    space = kinds(
        {
            "size": kinds.float_normalized(),
            "age": kinds.float_discretized(num_bins=4),
            "word": kinds.string_categorical(),
            "code": kinds.integer_categorical(),
        },
        crosses=[kinds.cross(("word", "code"), crossing_dim=8)],
        output_mode="concat",
    )
    space.adapt(tf.data.Dataset.from_tensor_slices(data))
    encoded = space.get_encoded_features()
    x = layers.Dense(6, activation="relu")(encoded)
    model = keras.Model(space.get_inputs(), layers.Dense(2)(x))
    given = {name: tf.constant(values[:5]) for name, values in data.items()}
    check_state(model, given)
    # As a layer that is called on data outside of the graph it is no business of a swap's.
    behind = keras.Sequential([keras.Input(encoded.shape[1:]), layers.Dense(3, "relu")])
    clone = clone_with_activation(behind)
    np.testing.assert_allclose(clone(space(given)), behind(space(given)), atol=1e-6)


BINNED = np.array([[1.0], [9.0], [19.0]], "float32")


def test_bins_and_statistics():
    check_state(discretization(), BINNED)
    check_state(normalization(), np.ones((2, 3), "float32"))


def test_loaded_from_a_file(tmp_path):
    for make, x in (
        (discretization, BINNED),
        (normalization, np.ones((2, 3), "float32")),
        (lambda: lookup("tf_idf"), tf.constant([["a\nb", "c"], ["c", "else"]])),
    ):
        path = tmp_path / "model.keras"
        make().save(path)
        check_state(keras.models.load_model(path), x)


def test_frequencies_padded_to_more_than_there_are_words():
    layer = layers.TextVectorization(output_mode="tf_idf", max_tokens=20, pad_to_max_tokens=True)
    layer.adapt(["a b", "b c"])
    inputs = keras.Input((), dtype="string")
    check_state(dense_behind(inputs, layer(inputs)), tf.constant(["a b", "c d"]))


def test_text_that_a_subclassed_model_reads():
    class Reading(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.lookup = layers.StringLookup(vocabulary=["a", "b"])
            self.embedding = layers.Embedding(9, 4)
            self.hidden = layers.Dense(8, activation="relu")

        def call(self, inputs):
            return self.hidden(self.embedding(self.lookup(inputs)))

    model, words = Reading(), tf.constant([["a"], ["c"]])
    expected = np.asarray(model(words))
    np.testing.assert_allclose(np.asarray(clone_with_activation(model)(words)), expected, atol=1e-6)
