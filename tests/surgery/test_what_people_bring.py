"""Functions, names, subclasses and layers of other people's."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_negact import LENI, clone_with_activation, plan_activation_swap
from keras_negact.surgery import new_layers
from tests.support.backends import count_of_ours, to_numpy
from tests.support.random_graphs import scramble
from tests.support.swapping import actions, check_same_function

IMAGES = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")


def stack(*between, classes=2):
    model = keras.Sequential([keras.Input((8, 8, 3)), *between, layers.Conv2D(classes, 1)])
    scramble(model)
    return model


def test_a_function_of_keras_as_the_activation():
    for function in (keras.activations.gelu, ops.gelu, ops.relu):
        clone = clone_with_activation(stack(layers.Conv2D(4, 3), layers.ReLU()), function)
        assert clone.layers[1].activation.__name__ == function.__name__


def test_functions_of_another_library_and_of_nobody():
    model = stack(layers.Conv2D(4, 3), layers.ReLU())
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        plan, _ = check_same_function(model, tf.nn.relu)
        assert plan.sites[0].keeps_function
    with pytest.raises(ValueError, match=r"takes a site.*keras.layers.Activation.*raised at re_lu"):
        clone_with_activation(model, lambda x: ops.relu(x))
    with pytest.raises(ValueError, match=r"must return layers\. Received: 5"):
        clone_with_activation(model, lambda: 5)


def test_a_factory_means_what_it_means_for_models():
    clone = clone_with_activation(
        stack(layers.Conv2D(4, 3), layers.ReLU()), lambda: LENI(kernel_size=5)
    )
    assert clone.layers[1].kernel_size == 5


@pytest.mark.parametrize("default", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_prelu_has_one_slope_a_channel(rank, default):
    # Where the layers themselves say where their channels are, Keras's default does not.
    keras.config.set_image_data_format(default)
    inputs = keras.Input((5,) * rank + (3,))
    x = layers.Dense(4, activation="relu", name="hidden")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten(data_format="channels_last")(x)))
    clone = clone_with_activation(model, "prelu", where="hidden")
    assert clone.get_layer("hidden_activation").alpha.shape == (1,) * rank + (4,)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_prelu_behind_convolutions_of_either_format(rank, data_format):
    first = data_format == "channels_first"
    inputs = keras.Input((3,) + (5,) * rank if first else (5,) * rank + (3,))
    convolution = getattr(layers, f"Conv{rank}D")
    x = convolution(4, 1, activation="relu", name="fused", data_format=data_format)(inputs)
    x = layers.ReLU(name="layer")(convolution(6, 1, data_format=data_format)(x))
    plan = plan_activation_swap(keras.Model(inputs, ops.relu(x)), "prelu")
    for site, channels in zip(plan.sites, (4, 6, 6), strict=True):
        site.new_layer.build(site.shape)
        ones = (1,) * rank
        expected = (channels, *ones) if first else (*ones, channels)
        assert site.new_layer.alpha.shape == expected


class Holder(layers.Layer):
    """Has an attribute of that name that is no argument."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.relu

    def call(self, inputs):
        return self.activation(inputs)


class Naming(layers.Layer):
    """Looks its activation up when it is called."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activation

    def call(self, inputs):
        return keras.activations.get(self.activation)(inputs)

    def get_config(self):
        return {**super().get_config(), "activation": self.activation}


class Holding(layers.Layer):
    """Holds an activation by another name."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.bend = keras.activations.gelu

    def call(self, inputs):
        return self.bend(inputs)


def test_activations_in_a_users_layers_are_listed():
    model = stack(layers.Conv2D(4, 3), Naming("relu", name="naming"), Holding(name="holding"))
    with pytest.warns(UserWarning, match="None of the 2 .*inside Naming.*inside Holding"):
        clone_with_activation(model)
    plan, _ = check_same_function(model)
    assert [(site.path, site.function) for site in plan.sites] == [
        ("naming", "relu"),
        ("holding", "gelu"),
    ]


class Shifted(layers.LeakyReLU):
    def call(self, inputs):
        return super().call(inputs) - 0.5


class Swoosh(layers.Layer):
    def call(self, inputs):
        return inputs * ops.tanh(ops.softplus(inputs))


def test_layers_of_other_peoples_are_copied_and_named():
    model = stack(
        layers.Conv2D(4, 3),
        Holder(name="holder"),
        layers.Conv2D(4, 1, activation="relu", name="plain"),
        Shifted(name="shifted"),
        Swoosh(name="swoosh"),
        layers.Lambda(lambda x: x**2, name="square"),
    )
    plan, _ = check_same_function(model)
    assert actions(plan) == {"holder": "leave", "plain": "swap", "shifted": "leave"}
    named = ["shifted", "swoosh", "square"]
    plan, clone = check_same_function(model, where=named)
    assert [path for path, action in actions(plan).items() if action == "swap"] == named
    assert all(isinstance(clone.get_layer(name), LENI) for name in named)
    plan = plan_activation_swap(model, "relu", where=["swoosh"])
    assert [site.keeps_function for site in plan.sites if site.path == "swoosh"] == [False]


class Bent(keras.Operation):
    """An operation of a user's, unregistered."""

    def __init__(self, slope, **kwargs):
        super().__init__(**kwargs)
        self.slope = slope

    def call(self, x, power=2):
        return x + self.slope * x**power

    def compute_output_spec(self, x, power=2):
        return keras.KerasTensor(x.shape, x.dtype)


def test_operations_can_be_named(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3)(inputs)
    x = layers.Conv2D(4, 1)(ops.clip(x, -0.5, x_max=0.5))
    x = layers.Conv2D(4, 1)(ops.maximum(0.1, x))
    x = layers.Conv2D(4, 1)(ops.relu(ops.abs(x) - 0.2))
    x = layers.Conv2D(2, 1)(ops.tanh(x))
    model = keras.Model(inputs, x)
    scramble(model)
    of_class = {type(operation).__name__: operation.name for operation in model.operations}
    named = [of_class[kind] for kind in ("Clip", "Maximum", "Absolute", "Subtract", "Relu", "Tanh")]
    assert actions(plan_activation_swap(model)) == {
        of_class["Relu"]: "swap",
        of_class["Tanh"]: "leave",
    }
    plan, clone = check_same_function(model, where=named)
    assert actions(plan) == dict.fromkeys(named, "swap")
    assert {site.kind for site in plan.sites} == {"operation"}
    assert sum(isinstance(layer, LENI) for layer in clone.layers) == 6
    assert not {id(x) for x in clone.operations} & {id(x) for x in model.operations}
    path = tmp_path / "clone.keras"
    clone.save(path)
    loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(to_numpy(loaded(IMAGES)), to_numpy(clone(IMAGES)))
    # Another activation is put in, and the plan says that outputs change.
    plan = plan_activation_swap(model, "relu", where=[of_class["Clip"]])
    changed = {site.path: "outputs change" in site.reason for site in plan.sites if site.new_layer}
    assert changed == {of_class["Clip"]: True}


def test_an_operation_of_a_users_can_be_named():
    inputs = keras.Input((4,))
    bent = Bent(0.3, name="bent")
    x = bent(layers.Dense(6)(inputs), power=3)
    model = keras.Model(inputs, layers.Dense(2)(x))
    plan, clone = check_same_function(model, where=["bent"])
    assert isinstance(clone.get_layer("bent"), LENI)
    assert plan.sites[0].function == "Bent"
    assert not plan_activation_swap(model).sites


def test_one_warning_when_nothing_was_swapped():
    with pytest.warns(UserWarning, match="None of the 1.*bounded") as caught:
        clone_with_activation(stack(layers.Conv2D(4, 3, activation="tanh")))
    assert count_of_ours(caught) == 1


@pytest.mark.parametrize("function", ["linear", None])
def test_linear_activations_behind_a_doubled_width(function):
    model = stack(layers.Conv2D(4, 3), layers.ReLU(), layers.Activation(function))
    plan, _ = check_same_function(model, "on_off_relu")
    assert plan.report.count("swap") == 1


def test_silu_written_as_a_product():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3)(inputs)
    x = layers.Conv2D(4, 3)(x * ops.sigmoid(x))
    x = layers.Multiply()([layers.Activation("sigmoid")(x), x])
    model = keras.Model(inputs, layers.Conv2D(2, 1)(x))
    plan, clone = check_same_function(model)
    assert [s.function for s in plan.sites if s.action == "swap"] == ["silu", "silu"]
    assert not any(isinstance(layer, layers.Multiply) for layer in clone.layers)


def test_a_product_that_is_one_elsewhere_stays():
    product = layers.Multiply(name="product")
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3)(inputs)
    x = product([x, layers.Activation("sigmoid")(x)])
    x = product([x, layers.Conv2D(4, 1)(x)])
    _, clone = check_same_function(keras.Model(inputs, layers.Conv2D(2, 1)(x)))
    assert isinstance(clone.get_layer("product"), layers.Multiply)
    assert len(new_layers(clone)) == 1


def slopes():
    return layers.PReLU("uniform", shared_axes=[1, 2])


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.LeakyReLU(0.3),
        lambda: layers.ReLU(negative_slope=0.1),
        lambda: layers.Conv2D(4, 1, activation="leaky_relu"),
        slopes,
    ],
)
def test_a_doubled_width_keeps_leaky_rectifiers(make):
    model = stack(
        layers.Conv2D(4, 3),
        make(),
        layers.ZeroPadding2D(1),
        layers.AveragePooling2D(2),
        layers.DepthwiseConv2D(2, use_bias=False),
        layers.Dropout(0.3),
    )
    plan, clone = check_same_function(model, "on_off_relu")
    assert plan.sites[0].keeps_function
    assert clone.layers[-1].kernel.shape[-2] == 8
    # Slopes that were learned since the plan count.
    if isinstance(model.layers[1], layers.PReLU):
        model.layers[1].alpha.assign(np.full((1, 1, 4), -0.7))
        np.testing.assert_allclose(
            to_numpy(plan.apply()(IMAGES)), to_numpy(model(IMAGES)), atol=1e-5
        )


@pytest.mark.parametrize(
    "behind",
    [
        layers.MaxPooling2D,
        layers.BatchNormalization,
        lambda: layers.Activation("tanh"),
        layers.ReLU,
    ],
)
def test_what_is_not_linear_stops_it(behind):
    model = stack(layers.Conv2D(4, 3), layers.LeakyReLU(0.3, name="leaky"), behind())
    plan, _ = check_same_function(model, "on_off_relu", where="^leaky$")
    assert actions(plan)["leaky"] == "skip"
    assert "not linear" in plan.sites[0].reason
    plan, _ = check_same_function(model, "on_off_relu", where="^leaky$", on_conflict="compress")
    assert actions(plan)["leaky"] == "compress"


def test_nothing_to_train_is_said():
    model = stack(layers.Conv2D(4, 3, activation="relu"))
    model.trainable = False
    with pytest.warns(UserWarning, match="Nothing of the clone is trained") as caught:
        assert not clone_with_activation(model).trainable_weights
    assert count_of_ours(caught) == 1


def test_the_new_layers_alone_are_trained():
    inner = keras.Sequential(
        [keras.Input((6, 6, 4)), layers.Conv2D(4, 3), layers.ReLU()], name="in"
    )
    model = stack(layers.Conv2D(4, 3, activation="relu"), inner)
    model.trainable = False
    clone = clone_with_activation(model, trainable="new")
    blocks = new_layers(clone)
    assert len(blocks) == 2
    expected = [w for block in blocks for w in block.trainable_weights]
    assert len(expected) == len(clone.trainable_weights) == 6
    x = IMAGES
    clone.compile(keras.optimizers.SGD(0.1), "mse")
    frozen = [to_numpy(w).copy() for w in clone.non_trainable_weights]
    clone.train_on_batch(x, np.ones(clone(x).shape))
    for weight, before in zip(clone.non_trainable_weights, frozen, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), before)
    name = model.layers[-1].name
    clone = clone_with_activation(model, trainable=["new", f"^{name}$"])
    assert len(clone.trainable_weights) == 8
    with pytest.raises(ValueError, match="nowhere"):
        clone_with_activation(model, trainable=["new", "nowhere"])
    with pytest.raises(ValueError, match="Received: 3"):
        plan_activation_swap(model, trainable=3)


def test_a_model_of_keras_2_is_told_apart():
    kind = type("Functional", (), {"__module__": "tf_keras.src.engine.functional", "name": "old"})
    for call in (clone_with_activation, plan_activation_swap):
        with pytest.raises(ValueError, match=r"`old` is a model of tf_keras.*TF_USE_LEGACY_KERAS"):
            call(kind())


@keras.saving.register_keras_serializable(package="tests")
class Both(layers.Layer):
    """A CReLU of somebody else's."""

    def call(self, inputs):
        return ops.concatenate([ops.relu(inputs), ops.relu(-inputs)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2 * input_shape[-1])


def test_whether_a_layer_doubles_is_asked_of_it():
    model = stack(layers.Conv2D(4, 3), layers.ReLU(name="relu"))
    plan, clone = check_same_function(model, Both())
    assert plan.report.channels == "double"
    assert plan.sites[0].keeps_function
    assert not plan.sites[0].reason
    assert clone.get_layer("relu").output.shape[-1] == 8
    with pytest.raises(ValueError, match="doubles the number of channels"):
        plan_activation_swap(model, Both(), channels="keep")
    smooth = stack(layers.Conv2D(4, 3, activation="silu"))
    assert "outputs change" in plan_activation_swap(smooth, Both()).sites[0].reason


def test_a_class_that_sets_its_activation_by_itself_is_left():
    class Rectified(layers.Dense):
        def __init__(self, units, **kwargs):
            super().__init__(units, **{**kwargs, "activation": "relu"})

    model = keras.Sequential([keras.Input((4,)), Rectified(8), layers.Dense(2)])
    site = plan_activation_swap(model).sites[0]
    assert (site.action, site.reason) == ("leave", "Rectified sets its activation by itself")
