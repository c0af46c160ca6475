"""All state comes along: the same outputs, and the same again after one more step of training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from keras_negact import clone_with_activation, plan_activation_swap
from tests.support.backends import to_numpy

TEXTS = np.array([["a\nb", "c"], ["", "d"], ["c", "c"]])


def _outputs(model, x):
    return [to_numpy(y) for y in keras.tree.flatten(model(x))]


def check_state(model, x):
    clone = clone_with_activation(model)
    for y, z in zip(_outputs(model, x), _outputs(clone, x), strict=True):
        np.testing.assert_allclose(y, z, atol=1e-6)
    # Nothing swapped, so that the training step is the same too.
    copy = clone_with_activation(model, lambda site: None)
    labels = np.ones_like(_outputs(model, x)[0])
    for trained in (model, copy):
        trained.compile(keras.optimizers.SGD(0.1), "mse")
        trained.train_on_batch(x, labels)
    np.testing.assert_allclose(_outputs(model, x)[0], _outputs(copy, x)[0], atol=1e-6)
    return clone


def dense_behind(inputs, x):
    return keras.Model(inputs, layers.Dense(2)(layers.Dense(3, activation="relu")(x)))


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
def test_text_vectorization(mode, own):
    functions = {"standardize": lower, "split": lambda text: tf.strings.split(text, " ")}
    layer = layers.TextVectorization(
        output_mode=mode,
        output_sequence_length=4 if mode == "int" else None,
        **(functions if own else {}),
    )
    layer.adapt(["foo bar", "bar baz qux", "Foo!"])
    inputs = keras.Input((), dtype="string")
    x = layer(inputs)
    x = layers.Flatten()(layers.Embedding(12, 2)(x)) if mode == "int" else x
    check_state(dense_behind(inputs, x), tf.constant(["foo bar baz", "zip Foo!"]))


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


def test_lora_on_dense_and_within_attention():
    x = np.random.default_rng(0).normal(size=(3, 6, 4)).astype("float32")
    for layer in (layers.Dense(4), layers.MultiHeadAttention(2, 3)):
        inputs = keras.Input((6, 4))
        attends = isinstance(layer, layers.MultiHeadAttention)
        y = layer(inputs, inputs) if attends else layer(inputs)
        model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layers.ReLU()(y))))
        for adapted in (layer.query_dense, layer.value_dense) if attends else (layer,):
            adapted.enable_lora(2, lora_alpha=8)
            b = adapted.lora_kernel_b
            b.assign(np.random.default_rng(1).normal(size=b.shape))
        clone = check_state(model, x)
        copy = clone.layers[1].query_dense if attends else clone.layers[1]
        original = layer.query_dense if attends else layer
        assert copy.lora_alpha == 8
        assert len(clone.layers[1].trainable_weights) == len(layer.trainable_weights)
        assert copy.lora_kernel_a.shape == original.lora_kernel_a.shape


def adapted(kind):
    """A network that reads a rectifier with a LoRA kernel, and one that ends in one."""
    inputs = keras.Input((6, 6, 4))
    x = layers.Conv2D(6, 3, activation="relu")(inputs)
    if kind == "dense":
        reader = layers.Dense(8, activation="relu")
    elif kind == "convolution":
        reader = layers.Conv2D(8, 3, activation="relu")
    elif kind == "grouped":
        reader = layers.Conv2D(8, 3, groups=2, activation="relu")
    else:
        reader = layers.EinsumDense("abcd,de->abce", (4, 4, 8), activation="relu")
    x = reader(x)
    reader.enable_lora(2, lora_alpha=8)
    x = layers.Dense(2)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(2)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model, reader


@pytest.mark.parametrize("kind", ["dense", "convolution", "grouped", "einsum"])
def test_lora_behind_a_doubled_width(kind):
    model, reader = adapted(kind)
    x = np.random.default_rng(0).normal(size=(3, 6, 6, 4)).astype("float32")
    plan = plan_activation_swap(model, "on_off_relu")
    assert [site.action for site in plan.sites] == ["swap"] * 2
    clone = plan.apply()
    np.testing.assert_allclose(clone(x), model(x), rtol=1e-4, atol=1e-4)
    assert plan.report.after.parameters == clone.count_params()
    copy = clone.get_layer(f"{reader.name}")
    assert copy.lora_alpha == 8
    assert copy.lora_kernel_a.shape[-2] == reader.lora_kernel_a.shape[-2] * 2
    np.testing.assert_array_equal(copy.lora_kernel_b, reader.lora_kernel_b)
    base, old = (next(v for v in y.variables if v.name == "kernel") for y in (copy, reader))
    assert not base.trainable
    width = old.shape[-2]
    first = np.asarray(base)[..., :width, :]
    np.testing.assert_array_equal(first, old)
    halved = plan_activation_swap(model, "on_off_relu", channels="halve").apply()
    assert halved(x).shape == (3, 2)


def test_the_state_of_a_seed_generator():
    dropout = layers.Dropout(0.5, seed=3)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, activation="relu"), dropout])
    model(np.ones((2, 3)), training=True)
    state = to_numpy(dropout.seed_generator.state)
    clone = clone_with_activation(model)
    np.testing.assert_array_equal(to_numpy(clone.layers[-1].seed_generator.state), state)


@keras.saving.register_keras_serializable(package="tests")
class Counting(layers.Layer):
    """A layer whose state is no variable."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.offset = 0.0

    def call(self, inputs):
        return inputs + self.offset

    def save_own_variables(self, store):
        store["offset"] = np.array(self.offset)

    def load_own_variables(self, store):
        self.offset = float(store["offset"])


def test_a_class_that_saves_its_state_by_itself():
    inputs = keras.Input((3,))
    counting = Counting()
    model = dense_behind(inputs, counting(inputs))
    counting.offset = 2.5
    check_state(model, np.ones((2, 3), "float32"))


def test_what_keras_has_no_name_for():
    """Classes and functions of a user's, none of them registered, at any depth."""

    class Penalty(keras.regularizers.Regularizer):
        def __call__(self, x):
            return 0.01 * keras.ops.sum(keras.ops.square(x))

        def get_config(self):
            return {}

    class Cell(layers.SimpleRNNCell):
        def call(self, inputs, states, training=None):
            output, states = super().call(inputs, states)
            return output * 2.0, states

    def tenth(shape, dtype=None):
        return 0.1 * keras.ops.ones(shape, dtype)

    inputs = keras.Input((5, 3))
    x = layers.Dense(
        4,
        activation="relu",
        kernel_initializer=tenth,
        bias_initializer=lambda shape, dtype=None: keras.ops.zeros(shape, dtype),
        kernel_regularizer=Penalty(),
    )(inputs)
    x = layers.Bidirectional(layers.RNN(Cell(3), return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(3, kernel_regularizer=Penalty()))(x)
    model = dense_behind(inputs, layers.Flatten()(x))
    clone = check_state(model, np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32"))
    assert len(clone.losses) == len(model.losses) == 2
