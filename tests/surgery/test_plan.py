"""What can be asked for, what is refused, and what the report says."""

import json
import warnings

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI, OnOffReLU, clone_with_activation, plan_activation_swap
from tests.support.backends import BACKEND, tensorflow_only, to_numpy
from tests.support.random_graphs import scramble
from tests.support.swapping import actions, check_same_function, outputs, random_inputs


def network():
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    shortcut = x
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, padding="same", name="conv2")(x))
    x = layers.Activation("silu", name="smooth")(x)
    x = layers.Add()([x, shortcut])
    x = layers.ReLU(6.0, name="capped")(x)
    x = layers.Conv2D(4, 1, activation="tanh", name="bounded")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(3, activation="sigmoid", name="head")(x), name="small")
    scramble(model)
    return model


def test_where():
    everything = {"conv1", "smooth", "capped"}

    def swapped(**kwargs):
        plan = plan_activation_swap(network(), "leni", **kwargs)
        return {path for path, action in actions(plan).items() if action == "swap"}

    assert swapped() == everything
    assert swapped(where=r"^c") == {"conv1", "capped"}
    assert swapped(where=["smooth", "capp"]) == {"smooth", "capped"}
    assert swapped(where=lambda site: site.function == "silu") == {"smooth"}
    # Its own path, letter for letter, asks for a bounded one and for a head too.
    assert swapped(where=["bounded", "head"]) == {"bounded", "head"}
    assert swapped(where="boun") == set()
    assert swapped(source=["tanh", "silu"]) == {"smooth", "bounded"}
    assert swapped(source="swish") == {"smooth"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"where": "conv11"}, r"matches none of the 5 activations.*'conv1'"),
        ({"where": ["smooth", "nothing"]}, "nothing"),
        ({"source": ["rleu"]}, "rleu"),
        ({"channels": "triple"}, "triple"),
        ({"on_conflict": "ignore"}, "ignore"),
        ({"channels": "double"}, "keeps"),
        ({"channels": "halve"}, "keeps"),
        ({"activation": LENI(compression=None), "channels": "keep"}, "doubles"),
        ({"activation": "rleu"}, "rleu"),
        ({"activation": int}, "must be a Keras layer"),
        ({"activation": lambda site: "relu"}, "must return a Keras layer"),
        (
            {"activation": "on_off_relu", "on_conflict": "raise"},
            "The width cannot change at 1.*conv1",
        ),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        plan_activation_swap(network(), **arguments)


def test_leni_keeps_each_function_unless_it_names_its_own():
    plan, clone = check_same_function(network(), LENI(kernel_size=5))
    assert clone.get_layer("smooth").activation is keras.activations.silu
    assert clone.get_layer("capped").activation is keras.activations.relu6
    assert clone.get_layer("capped").kernel.shape == (5, 5, 4, 1)
    plan = plan_activation_swap(network(), LENI(activation="relu"))
    changed = {site.path for site in plan.sites if site.action == "swap" and site.reason}
    assert changed == {"smooth", "capped"}
    assert "outputs change: 2 activations" in str(plan)


def test_activation_by_class_and_by_callable():
    _, clone = check_same_function(network(), LENI)
    assert isinstance(clone.get_layer("smooth"), LENI)

    def choose(site):
        return LENI(activation=site.activation) if site.function == "relu6" else None

    plan, clone = check_same_function(network(), choose)
    assert actions(plan)["smooth"] == "leave"
    assert isinstance(clone.get_layer("capped"), LENI)
    one = OnOffReLU()
    plan = plan_activation_swap(network(), lambda site: one, source=["relu", "silu", "relu6"])
    assert plan.report.channels == "double"


def test_on_off_keeps_to_rectifiers():
    plan, clone = check_same_function(network(), "on_off_relu", on_conflict="compress")
    found = actions(plan)
    assert (found["conv1"], found["smooth"], found["capped"]) == ("compress", "leave", "swap")
    assert clone.get_layer("capped").max_value == 6
    plan = plan_activation_swap(network(), "on_off_relu", source=["silu"], on_conflict="compress")
    (site,) = [site for site in plan.sites if site.path == "smooth"]
    assert (site.action, site.keeps_function) == ("compress", False)


def test_names_flags_and_compilation_carry_over():
    model = network()
    model.get_layer("conv1").trainable = False
    model.get_layer("norm").trainable = False
    model.compile(keras.optimizers.SGD(0.3), loss="mse", metrics=["mae"])
    clone = clone_with_activation(model)
    assert clone.name == "small"
    assert [tensor.name for tensor in clone.inputs] == ["image"]
    assert {layer.name for layer in model.layers} < {layer.name for layer in clone.layers}
    assert not clone.get_layer("conv1").trainable
    assert not clone.get_layer("conv1_leni").trainable
    assert not clone.get_layer("norm").trainable
    assert clone.get_layer("capped").trainable
    assert clone.compiled
    assert float(clone.optimizer.learning_rate) == pytest.approx(0.3)
    x = random_inputs(model)
    clone.fit(x, np.zeros((2, 3)), verbose=0)
    assert not clone_with_activation(network()).compiled


def test_frozen_model_with_trainable_parts():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, "relu"), layers.Dense(4, "relu")], name="inner"
    )
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(inner(inputs)))
    inner.trainable = False
    inner.layers[1].trainable = True
    clone = clone_with_activation(model).get_layer("inner")
    assert [clone.trainable, *(layer.trainable for layer in clone.layers)] == [
        *(False, False, False, True, True),
    ]


def test_activity_regularizer_sees_the_activated_output():
    inputs = keras.Input((6,))
    dense = layers.Dense(5, "relu", activity_regularizer="l2", name="dense")
    model = keras.Model(inputs, layers.Dense(2)(dense(inputs)))
    clone = clone_with_activation(model)
    assert clone.get_layer("dense").activity_regularizer is None
    assert clone.get_layer("dense_leni").activity_regularizer is not None
    x = random_inputs(model)
    model(x), clone(x)
    assert float(clone.losses[0]) == pytest.approx(float(model.losses[0]))


@pytest.mark.skipif(BACKEND == "tensorflow", reason="it has such layers")
def test_synchronized_batch_normalization_is_tensorflows():
    with pytest.raises(ValueError, match=r"`synchronized` must be False where.*Received: True"):
        plan_activation_swap(network(), synchronized=True)


@tensorflow_only
def test_synchronized_batch_normalization():
    plan, clone = check_same_function(network(), synchronized=True)
    assert clone.get_layer("norm").synchronized
    assert plan.report.synchronized == ["norm"]
    assert not clone_with_activation(network()).get_layer("norm").synchronized


def test_one_warning_for_skipped_sites():
    with pytest.warns(UserWarning, match="plan_activation_swap") as caught:
        clone_with_activation(network(), "on_off_relu")
    # Backends may have warnings of their own.
    assert sum("plan_activation_swap" in str(each.message) for each in caught) == 1
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning, message=".*activations")
        clone_with_activation(network(), "on_off_relu", on_conflict="compress")
        plan_activation_swap(network(), "on_off_relu").apply()


def test_report_in_every_form():
    plan = plan_activation_swap(network(), "leni")
    text, page, data = str(plan), plan._repr_html_(), plan.to_dict()
    for site in plan.sites:
        assert site.path in text
        assert site.path in page
    assert json.loads(json.dumps(data))["sites"][0]["path"] == "conv1"
    # Three sites of four channels: 9 taps and 2 scales a channel, at 64 places.
    assert plan.report.after.parameters - plan.report.before.parameters == 3 * 4 * 11
    assert plan.report.after.multiply_adds - plan.report.before.multiply_adds == 3 * 64 * 4 * 11


def test_plan_can_be_applied_again():
    model = network()
    plan = plan_activation_swap(model)
    first, second = plan.apply(), plan.apply()
    assert not {id(v) for v in first.variables} & {id(v) for v in second.variables}
    model.get_layer("conv2").bias.assign([5.0, 5.0, 5.0, 5.0])
    x = random_inputs(model)
    np.testing.assert_allclose(outputs(plan.apply(), x)[0], outputs(model, x)[0], rtol=1e-5)


def plain_network():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, use_bias=False, name="first")(inputs)
    x = layers.ReLU(name="a")(layers.BatchNormalization(name="norm")(x))
    x = layers.Conv2D(6, 3, activation="relu", name="second")(x)
    x = layers.Dense(4, activation="relu", name="third")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(2, name="logits")(x))
    scramble(model)
    return model


def test_halved_channels():
    model = plain_network()
    plan = plan_activation_swap(model, "on_off_relu", channels="halve")
    clone = plan.apply()
    assert plan.report.count("swap") == 3
    assert plan.report.after.parameters == clone.count_params() < model.count_params()
    for name, path in (("a", "a"), ("second", "second_on_off_relu")):
        assert clone.get_layer(path).output.shape == model.get_layer(name).output.shape
    assert clone.get_layer("first").kernel.shape[-1] == 4
    first = to_numpy(model.get_layer("first").kernel)
    np.testing.assert_array_equal(to_numpy(clone.get_layer("first").kernel), first[..., :4])
    # The second kernel has its old rows for the channels that are left, and new ones for the rest.
    old, new = (to_numpy(network.get_layer("second").kernel) for network in (model, clone))
    np.testing.assert_array_equal(new[:, :, :4], old[:, :, :4, :3])
    assert not np.allclose(new[:, :, 4:], old[:, :, 4:, :3])
    assert plan.report.fresh == [
        "second/kernel: 4 of 8 channels",
        "third/kernel: 48 of 96 channels",
        "logits/kernel: 2 of 4 channels",
    ]
    assert "weights are fresh" in str(plan)


def test_halved_network_trains():
    clone = clone_with_activation(plain_network(), "on_off_relu", channels="halve")
    clone.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype("float32")
    y = x.mean(axis=(1, 2))[:, :2]
    losses = clone.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2


def test_halved_channels_by_pointwise_compression():
    template = LENI(compression="pointwise")
    clone = clone_with_activation(plain_network(), template, channels="halve")
    assert clone.get_layer("a").filters == 8
    assert clone.get_layer("a").input.shape[-1] == 4
    assert clone.get_layer("a").output.shape[-1] == 8


def test_what_cannot_be_halved_is_skipped():
    plan = plan_activation_swap(network(), "on_off_relu", channels="halve")
    (site,) = [site for site in plan.sites if site.path == "capped"]
    assert site.action == "skip"


class Mixed(keras.Layer):
    """A user's layer, which leaves its shapes and the building of its parts to the call."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.slope = layers.PReLU(shared_axes=[1, 2])

    def call(self, inputs):
        return self.slope(inputs) + inputs


def test_a_layer_that_does_not_say_its_shapes():
    plan = plan_activation_swap(network(), lambda site: Mixed(), where="capped")
    (site,) = [site for site in plan.sites if site.path == "capped"]
    assert (site.action, site.new_parameters) == ("swap", 4)
    assert isinstance(plan.apply().get_layer("capped"), Mixed)
