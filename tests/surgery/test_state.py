"""All state comes along: the same outputs, and the same again after one more step of training."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import clone_with_activation, fold_for_inference, plan_activation_swap
from tests.support.backends import to_numpy
from tests.support.state import check_state, dense_behind


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
    np.testing.assert_allclose(to_numpy(clone(x)), to_numpy(model(x)), rtol=1e-4, atol=1e-4)
    assert plan.report.after.parameters == clone.count_params()
    copy = clone.get_layer(f"{reader.name}")
    assert copy.lora_alpha == 8
    assert copy.lora_kernel_a.shape[-2] == reader.lora_kernel_a.shape[-2] * 2
    np.testing.assert_array_equal(to_numpy(copy.lora_kernel_b), to_numpy(reader.lora_kernel_b))
    base, old = (next(v for v in y.variables if v.name == "kernel") for y in (copy, reader))
    assert not base.trainable
    width = old.shape[-2]
    np.testing.assert_array_equal(to_numpy(base)[..., :width, :], to_numpy(old))
    halved = plan_activation_swap(model, "on_off_relu", channels="halve").apply()
    assert halved(x).shape == (3, 2)


def test_what_was_quantized_after_it_was_built():
    """Variables are then in another order, or in layers of which the config says nothing."""
    inputs = keras.Input((5, 8))
    x = layers.Dense(8, activation="relu")(layers.MultiHeadAttention(2, 4)(inputs, inputs))
    x = layers.Dense(8, activation="relu")(x)
    model = keras.Model(inputs, layers.Dense(2)(x))
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    _, attention, first, second, _ = model.layers
    attention.query_dense.quantize("int8")
    first.quantize("float8")
    second.quantize("int4")
    x = rng.normal(size=(3, 5, 8)).astype("float32")
    clone = clone_with_activation(model)
    np.testing.assert_allclose(to_numpy(clone(x)), to_numpy(model(x)), rtol=1e-5, atol=1e-5)


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
    x = layers.RNN(Cell(3), return_sequences=True)(x)
    x = layers.TimeDistributed(layers.Dense(3, kernel_regularizer=Penalty()))(x)
    model = dense_behind(inputs, layers.Flatten()(x))
    clone = check_state(model, np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32"))
    assert len(clone.losses) == len(model.losses) == 2


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "bidirectional"])
def test_what_recurrent_layers_remember_between_batches(wrapped):
    recurrent = layers.GRU(3, stateful=True)
    inputs = keras.Input(batch_shape=(2, 5, 4))
    hidden = (layers.Bidirectional(recurrent) if wrapped else recurrent)(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.Dense(6, activation="relu")(hidden)))
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    # Called, for Keras's `predict` keeps no state on JAX.
    forgetful = to_numpy(model(x))
    clone = clone_with_activation(model, "leni")
    expected = to_numpy(model(x))
    assert np.abs(expected - forgetful).max() > 1e-3
    np.testing.assert_array_equal(to_numpy(clone(x)), expected)


def test_what_a_config_holds_as_it_is_is_not_shared():
    class Around(layers.Layer):
        def __init__(self, inner, **kwargs):
            super().__init__(**kwargs)
            self.inner = inner

        def call(self, inputs):
            return self.inner(inputs)

        def get_config(self):
            return {**super().get_config(), "inner": self.inner}

    inputs = keras.Input((4,))
    model = dense_behind(inputs, Around(layers.Dense(4))(inputs))
    clone = check_state(model, np.random.default_rng(0).normal(size=(6, 4)).astype("float32"))
    theirs = {id(variable) for variable in model.variables}
    assert not theirs & {id(variable) for variable in clone.variables}


def test_variables_that_would_be_shared_are_refused():
    everybodys = keras.Variable(np.ones(4, "float32"), name="everybodys")

    class Holding(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.held = everybodys

        def call(self, inputs):
            return inputs * self.held

    inputs = keras.Input((4,))
    with pytest.raises(ValueError, match="would share `everybodys` with"):
        clone_with_activation(dense_behind(inputs, Holding()(inputs)))


@pytest.mark.parametrize("also_alone", [False, True])
def test_a_layer_that_two_wrappers_share(also_alone):
    shared = layers.Dense(4)
    first, second = keras.Input((5, 3)), keras.Input((5, 3))
    other = shared(second) if also_alone else layers.TimeDistributed(shared)(second)
    x = layers.TimeDistributed(shared)(first) + other
    model = keras.Model([first, second], layers.Dense(2)(layers.Dense(4, activation="relu")(x)))
    clone = clone_with_activation(model, lambda site: None)
    assert clone.count_params() == model.count_params()
    assert fold_for_inference(model, verbose=0).count_params() == model.count_params()
    x = [np.random.default_rng(seed).normal(size=(2, 5, 3)).astype("float32") for seed in (0, 1)]
    np.testing.assert_allclose(to_numpy(clone(x)), to_numpy(model(x)), atol=1e-6)


def test_what_renormalizes_follows_a_doubled_width():
    inputs = keras.Input((4,))
    x = layers.BatchNormalization(renorm=True)(layers.Dense(4, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(2)(x))
    x = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    model(x, training=True)
    clone = clone_with_activation(model, "on_off_relu")
    np.testing.assert_allclose(to_numpy(clone(x)), to_numpy(model(x)), atol=1e-5)


def test_masks_that_a_lambda_or_an_instance_passes_on():
    passing = layers.Conv1D(4, 3, padding="same")
    passing.supports_masking = True
    words = np.array([[1, 2, 0, 0, 0, 0], [3, 4, 5, 0, 0, 0]])
    for layer in (layers.Lambda(lambda x: 2 * x, mask=lambda x, mask: mask), passing):
        embedding = layers.Embedding(9, 4, mask_zero=True)
        hidden = layers.Dense(4, activation="relu")
        model = keras.Sequential([keras.Input((6,)), embedding, layer, hidden, layers.LSTM(4)])
        clone = clone_with_activation(model, lambda site: None)
        np.testing.assert_allclose(to_numpy(clone(words)), to_numpy(model(words)), atol=1e-6)


def test_a_mask_that_an_instance_passes_on_without_its_activation():
    passing = layers.Conv1D(4, 3, padding="same", activation="relu")
    passing.supports_masking = True
    embedding = layers.Embedding(9, 4, mask_zero=True)
    model = keras.Sequential([keras.Input((6,)), embedding, passing, layers.LSTM(4)])
    clone = clone_with_activation(model, "relu")
    assert [type(layer) for layer in clone.layers[1:3]] == [layers.Conv1D, layers.ReLU]
    words = np.array([[1, 2, 0, 0, 0, 0], [3, 4, 5, 0, 0, 0]])
    np.testing.assert_allclose(to_numpy(clone(words)), to_numpy(model(words)), atol=1e-6)


def loss_of(power):
    def loss(y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** power, axis=-1)

    return loss


def two_outputs(first, second):
    inputs = keras.Input((4,))
    x = layers.Dense(4, activation="relu")(inputs)
    model = keras.Model(inputs, {name: layers.Dense(1, name=name)(x) for name in "ab"})
    model.compile("sgd", {"a": first, "b": second})
    return model


def test_losses_that_are_functions_come_along():
    loss = loss_of(2)
    assert clone_with_activation(two_outputs(loss, loss)).loss == {"a": loss, "b": loss}


def test_losses_of_one_name_are_not_taken_for_each_other():
    with pytest.warns(UserWarning, match="The clone is not compiled"):
        clone = clone_with_activation(two_outputs(loss_of(1), loss_of(2)))
    assert not clone.compiled


def test_a_mask_that_a_new_layer_loses_in_a_sequential_model_is_told():
    class Passing(layers.Conv1D):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.supports_masking = True

    embedding = layers.Embedding(9, 4, mask_zero=True)
    convolution = Passing(4, 3, padding="causal", activation="relu")
    model = keras.Sequential([keras.Input((6,)), embedding, convolution, layers.LSTM(4)])
    with pytest.warns(UserWarning, match="LENI.*does not support masking"):
        clone_with_activation(model)
