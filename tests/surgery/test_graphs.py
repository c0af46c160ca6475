"""The graphs that people write: nested, shared, several inputs, other ranks, other formats."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_negact import LENI, OnOffReLU, clone_with_activation, plan_activation_swap
from tests.support.backends import to_numpy
from tests.support.random_graphs import scramble
from tests.support.swapping import actions, check_same_function, outputs, random_inputs

FACTOR = 3.0
swaps = pytest.mark.parametrize(
    ("activation", "on_conflict"),
    [
        ("leni", "skip"),
        ("on_off_relu", "skip"),
        ("on_off_relu", "compress"),
        (LENI(compression=None), "skip"),
    ],
    ids=["leni", "on_off", "on_off_compress", "leni_double"],
)


def nested(width, depth):
    inputs = keras.Input((6, 6, width))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inputs)
    if depth:
        x = nested(4, depth - 1)(x)
    return keras.Model(inputs, layers.ReLU(name="relu")(x), name=f"depth{depth}")


@swaps
def test_functional_models_nested_three_deep(activation, on_conflict):
    inputs = keras.Input((6, 6, 3))
    model = keras.Model(inputs, layers.Conv2D(2, 1)(nested(3, 3)(inputs)))
    plan, clone = check_same_function(model, activation, on_conflict=on_conflict)
    assert "depth3/depth2/depth1/depth0/conv" in actions(plan)
    assert len(plan.sites) == 8
    inner = clone.get_layer("depth3").get_layer("depth2")
    assert isinstance(inner, keras.Model)
    assert inner is not model.get_layer("depth3").get_layer("depth2")


@swaps
def test_sequential_within_sequential(activation, on_conflict):
    inner = keras.Sequential([layers.Conv2D(4, 3, activation="relu"), layers.ReLU()], name="inner")
    middle = keras.Sequential([layers.Conv2D(4, 3), layers.ReLU(), inner], name="middle")
    model = keras.Sequential([keras.Input((9, 9, 2)), middle, layers.Flatten(), layers.Dense(2)])
    _, clone = check_same_function(model, activation, on_conflict=on_conflict)
    assert isinstance(clone, keras.Sequential)
    assert isinstance(clone.get_layer("middle").get_layer("inner"), keras.Sequential)


@swaps
def test_shared_tower_shared_activation_several_inputs_and_outputs(activation, on_conflict):
    tower = keras.Sequential([keras.Input((8,)), layers.Dense(6, "relu"), layers.Dense(6, "relu")])
    first, second = keras.Input((8,), name="first"), keras.Input((8,), name="second")
    relu = layers.ReLU(name="shared")
    x = layers.Concatenate()([tower(first), tower(second)])
    x = relu(layers.Dense(5)(relu(layers.Dense(7)(x))))
    heads = {"p": layers.Dense(1, name="p_head")(x), "q": layers.Dense(2, name="q_head")(x)}
    model = keras.Model({"first": first, "second": second}, heads)
    plan, clone = check_same_function(model, activation, on_conflict=on_conflict)
    assert [tensor.name for tensor in clone.inputs] == ["first", "second"]
    assert set(clone.output) == {"p", "q"}
    # Two widths need two new layers; the tower stays one.
    assert [site.path for site in plan.sites].count("shared") == 2
    assert sum(isinstance(layer, keras.Sequential) for layer in clone.layers) == 1


def test_layer_shared_between_neighbours_of_different_kinds():
    inputs = keras.Input((6, 6, 4))
    convolution = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    x = layers.BatchNormalization()(convolution(inputs))
    x = layers.Add()([convolution(x), inputs])
    model = keras.Model(inputs, layers.Conv2D(2, 1)(x))
    scramble(model)
    plan, clone = check_same_function(model, "on_off_relu")
    assert actions(plan) == {"shared": "skip"}
    plan, clone = check_same_function(model, "on_off_relu", on_conflict="compress")
    assert actions(plan) == {"shared": "compress"}
    assert sum(isinstance(layer, OnOffReLU) for layer in clone.layers) == 1


@swaps
@pytest.mark.parametrize("rank", [1, 3])
def test_one_and_three_dimensions(rank, activation, on_conflict):
    inputs = keras.Input((8,) * rank + (2,))
    x = getattr(layers, f"Conv{rank}D")(4, 3, activation="relu")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = getattr(layers, f"MaxPooling{rank}D")(2)(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    check_same_function(model, activation, on_conflict=on_conflict)


@swaps
@pytest.mark.parametrize("rank", [1, 2])
def test_channels_first(rank, activation, on_conflict):
    inputs = keras.Input((2,) + (8,) * rank)
    kind = getattr(layers, f"Conv{rank}D")
    x = kind(4, 3, activation="relu", data_format="channels_first")(inputs)
    x = layers.ReLU(name="between")(layers.BatchNormalization(axis=1)(x))
    x = layers.ReLU()(kind(6, 3, data_format="channels_first")(x))
    x = layers.Flatten(data_format="channels_first")(x)
    model = keras.Model(inputs, layers.Dense(2)(x))
    scramble(model)
    plan, clone = check_same_function(model, activation, on_conflict=on_conflict)
    assert clone.get_layer("between").data_format == "channels_first"
    assert plan.sites[1].shape[1] == 4


@swaps
def test_mixed_precision(activation, on_conflict):
    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((8, 8, 3))
    x = layers.LeakyReLU()(layers.Conv2D(8, 3, activation="relu", name="conv")(inputs))
    x = ops.relu(layers.Conv2D(8, 3)(x))
    x = layers.Dense(2, dtype="float32")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, x)
    keras.config.set_dtype_policy("float32")
    _, clone = check_same_function(model, activation, on_conflict=on_conflict, tolerance=1e-2)
    new = [layer for layer in clone.layers if isinstance(layer, (LENI, OnOffReLU))]
    assert new
    assert {layer.dtype_policy.name for layer in new} == {"mixed_bfloat16"}


@swaps
def test_operation_nodes(activation, on_conflict):
    inputs = keras.Input((8, 8, 4))
    x = ops.relu(layers.Conv2D(4, 3)(inputs))
    x = ops.relu6(layers.Conv2D(4, 3)(x))
    x = ops.leaky_relu(layers.Conv2D(4, 1)(x), negative_slope=0.4)
    x = ops.gelu(x)
    x = ops.elu(x, alpha=2.0)
    x = keras.activations.relu(x, negative_slope=0.1, max_value=3.0)
    x = ops.mean(layers.Conv2D(2, 1)(ops.silu(x)), axis=(1, 2))
    plan, _ = check_same_function(keras.Model(inputs, x), activation, on_conflict=on_conflict)
    functions = [site.function for site in plan.sites]
    assert functions[:5] == ["relu", "relu6", "leaky_relu", "gelu_tanh", "elu"]
    assert {site.kind for site in plan.sites} == {"operation"}


def test_activation_given_as_layer_keeps_its_weights():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation=layers.LeakyReLU(0.3)),
            layers.Conv2D(4, 3, activation=layers.PReLU("uniform")),
            layers.Conv2D(4, 3, activation=layers.PReLU("uniform", shared_axes=[1, 2])),
        ]
    )
    # The weights of an activation within a layer come with its first call.
    model(np.zeros((1, 8, 8, 3), "float32"))
    scramble(model)
    plan, clone = check_same_function(model, LENI())
    assert set(actions(plan).values()) == {"swap"}
    learned = [layer.activation for layer in clone.layers if isinstance(layer, LENI)]
    expected = to_numpy(model.layers[2].activation.alpha)
    np.testing.assert_array_equal(to_numpy(learned[2].alpha), expected)


def test_learned_activation_behind_doubled_channels():
    inputs = keras.Input((6, 6, 3))
    x = layers.ReLU()(layers.Conv2D(4, 3)(inputs))
    x = layers.PReLU("uniform", name="learned")(layers.BatchNormalization()(x))
    model = keras.Model(inputs, layers.Conv2D(2, 1)(x))
    scramble(model)
    for template in ("on_off_relu", LENI(compression=None)):
        _, clone = check_same_function(model, template)
        assert clone.get_layer("learned").output.shape[-1] > 4


def double(x):
    return 2 * x


@swaps
def test_lambda_layers_in_between(activation, on_conflict):
    inputs = keras.Input((8, 8, 3))
    x = layers.Lambda(lambda t: ops.tanh(t) * FACTOR)(layers.Conv2D(4, 3)(inputs))
    x = layers.Lambda(double)(layers.ReLU()(x))
    model = keras.Model(inputs, layers.Conv2D(2, 1)(layers.Activation("relu")(x)))
    check_same_function(model, activation, on_conflict=on_conflict)


def test_output_that_is_an_activation():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Conv2D(4, 3, activation="relu", name="mask")(inputs))
    for activation, on_conflict, action in (
        ("leni", "skip", "swap"),
        ("on_off_relu", "skip", "skip"),
        ("on_off_relu", "compress", "compress"),
    ):
        plan, clone = check_same_function(model, activation, on_conflict=on_conflict)
        assert actions(plan) == {"mask": action}
        assert "model's output" in plan.sites[0].reason
        assert "model's output" in repr(plan)
        assert plan.to_dict()["sites"][0]["is_output"]
        assert clone.output_names == ["mask"]
    with pytest.raises(ValueError, match="model's output"):
        plan_activation_swap(model, "on_off_relu", on_conflict="raise")


class Backbone(keras.Model):
    """A Functional subclass with a constructor of its own."""

    def __init__(self, width, **kwargs):
        inputs = keras.Input((8, 8, 3))
        x = layers.Conv2D(width, 3, activation="relu", name="first")(inputs)
        super().__init__(inputs, layers.ReLU(name="last")(layers.Conv2D(width, 3)(x)), **kwargs)
        self.width = width

    def get_config(self):
        return {"width": self.width, "name": self.name}


class Trainer(keras.Model):
    """A Functional subclass with a training step of its own."""

    def train_step(self, data):
        return {"seen": ops.sum(data[0])}


def test_functional_subclass_becomes_plain():
    backbone = Backbone(4, name="backbone")
    _, clone = check_same_function(backbone)
    assert not isinstance(clone, Backbone)
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.GlobalMaxPooling2D()(backbone(inputs)))
    plan, _ = check_same_function(model, where="^backbone/first$")
    assert actions(plan) == {"backbone/first": "swap", "backbone/last": "leave"}


def test_subclass_with_functional_constructor_stays():
    inputs = keras.Input((4,))
    model = Trainer(inputs, layers.Dense(2)(layers.Dense(3, "relu")(inputs)))
    assert isinstance(clone_with_activation(model), Trainer)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3, activation="relu")

    def call(self, inputs):
        return self.dense(inputs)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (keras.Sequential([layers.Dense(3, "relu")]), "has not been built"),
        (Subclassed(), "subclassed model"),
        ("ResNet50", "a Keras model. Received"),
    ],
)
def test_models_without_a_graph_are_refused(model, message):
    with pytest.raises(ValueError, match=message):
        clone_with_activation(model)


def test_unknown_sizes_count_per_pixel():
    def network(size):
        inputs = keras.Input((size, size, 3))
        x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(inputs)
        x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
        return keras.Model(inputs, layers.Conv2D(2, 1)(x))

    per_pixel, _ = check_same_function(network(None))
    in_all, _ = check_same_function(network(64))
    assert per_pixel.report.per_pixel
    assert per_pixel.report.before.multiply_adds == in_all.report.before.multiply_adds / 64**2
    assert per_pixel.report.after.multiply_adds == in_all.report.after.multiply_adds / 64**2
    # 27 taps to 8 filters, on every second pixel of every second line, and so on.
    assert per_pixel.report.before.multiply_adds == (27 * 8 + 72 * 8 + 8 * 2) / 4


@swaps
def test_every_layer_that_follows_a_doubled_width(activation, on_conflict):
    inputs = keras.Input((8, 8, 4))
    x = layers.Conv2D(8, 3, activation="relu")(inputs)
    x = layers.ReLU()(layers.GroupNormalization(4)(x))
    x = layers.ZeroPadding2D(1)(layers.Cropping2D(1)(layers.UpSampling2D()(x)))
    x = layers.Conv2DTranspose(4, 3, strides=2, activation="relu")(x)
    x = layers.SeparableConv2D(4, 3, activation="relu")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu")(x)
    x = layers.Conv2D(4, 3, groups=4, activation="relu")(layers.Dropout(0.5)(x))
    x = ops.mean(layers.Reshape((-1, 4))(x), axis=1)
    x = layers.Concatenate()([layers.Flatten()(layers.Reshape((1, 1, 4))(x)), x])
    model = keras.Model(inputs, layers.Dense(2)(x))
    scramble(model)
    plan, _ = check_same_function(model, activation, on_conflict="raise")
    assert plan.report.count("swap") == 6


def test_source_is_never_touched():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation=layers.PReLU(), name="conv")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(ops.relu(x))))
    x = random_inputs(model)
    before, config = outputs(model, x), model.get_config()
    clone = clone_with_activation(model, "leni")
    assert not {id(v) for v in clone.variables} & {id(v) for v in model.variables}
    clone.compile("sgd", "mse")
    clone.fit(x, np.ones((2, 2)), epochs=2, verbose=0)
    np.testing.assert_array_equal(outputs(model, x)[0], before[0])
    assert model.get_config() == config
    assert not np.allclose(outputs(clone, x)[0], before[0])


def test_shared_activation_swapped_on_one_width_alone():
    relu = layers.ReLU(name="shared")
    inputs = keras.Input((6,))
    x = relu(layers.Dense(7)(relu(layers.Dense(5)(inputs))))
    model = keras.Model(inputs, layers.Dense(2)(x))
    _, clone = check_same_function(model, where=lambda site: site.channels == 5)
    assert isinstance(clone.get_layer("shared"), layers.ReLU)
    assert isinstance(clone.get_layer("shared_leni"), LENI)


@pytest.mark.parametrize("on_conflict", ["skip", "compress"])
def test_learned_activation_within_a_layer_behind_doubled_channels(on_conflict):
    inputs = keras.Input((6, 6, 3))
    x = layers.ReLU(name="relu")(layers.Conv2D(4, 3)(inputs))
    x = layers.DepthwiseConv2D(3, activation=layers.PReLU("uniform"))(x)
    model = keras.Model(inputs, layers.Conv2D(2, 1)(x))
    model(np.zeros((1, 6, 6, 3), "float32"))
    scramble(model)
    plan, _ = check_same_function(model, "on_off_relu", on_conflict=on_conflict)
    assert actions(plan)["relu"] == on_conflict


@swaps
def test_channels_on_a_middle_axis_are_left(activation, on_conflict):
    inputs = keras.Input((4, 4, 3))
    x = layers.Conv2D(6, 3, padding="same", name="conv", activation="relu")(inputs)
    x = layers.ReLU(name="between")(layers.Permute((2, 3, 1))(x))
    x = layers.Conv2D(6, 1, name="last", activation="relu")(layers.Permute((3, 1, 2))(x))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    plan, _ = check_same_function(model, activation, on_conflict=on_conflict)
    assert actions(plan)["between"] == "leave"
    assert "axis 2, neither first nor last" in str(plan)
    assert actions(plan)["last"] == "swap"
