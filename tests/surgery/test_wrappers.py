"""Models called at each step of a sequence, and what hides its activations in itself."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import clone_with_activation, fold_for_inference, plan_activation_swap
from keras_negact.analysis import negative_information_report
from keras_negact.surgery import new_layers
from tests.support.backends import to_numpy
from tests.support.random_graphs import scramble
from tests.support.swapping import actions, check_same_function, random_inputs


def frames():
    """A network for single pictures, with a branch that is as wide as it."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv", padding="same")(inputs)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x))
    x = layers.ReLU(name="relu")(x)
    x = layers.Dense(4, activation="relu", name="last")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, x, name="frames")


def video(steps=5):
    inputs = keras.Input((steps, 8, 8, 3))
    x = layers.TimeDistributed(frames(), name="each")(inputs)
    x = layers.LSTM(4)(layers.ReLU(name="outside")(x))
    model = keras.Model(inputs, layers.Dense(2)(x))
    scramble(model)
    return model


@pytest.mark.parametrize(
    ("activation", "how", "last"),
    [
        ("leni", "skip", "swap"),
        ("on_off_relu", "skip", "skip"),
        ("on_off_relu", "compress", "compress"),
    ],
)
def test_a_model_at_each_step_is_opened(activation, how, last):
    model = video()
    plan, clone = check_same_function(model, activation, on_conflict=how)
    done = actions(plan)
    assert done["each/frames/conv"] == done["each/frames/relu"] == "swap"
    assert done["each/frames/last"] == last
    assert len(done) == 5
    inside = [*clone.get_layer("each").layer.layers]
    assert sum(layer in inside for layer in new_layers(clone)) == 2 + (last != "skip") + (
        last == "compress"
    )
    folded = fold_for_inference(clone, verbose=False)
    assert not any(
        isinstance(layer, layers.BatchNormalization)
        for layer in folded.get_layer("each").layer.layers
    )
    x = random_inputs(model)
    np.testing.assert_allclose(to_numpy(folded(x)), to_numpy(model(x)), atol=1e-5)


def test_a_width_does_not_change_across_its_border():
    inputs = keras.Input((5, 6))
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="relu", name="inner")])
    x = layers.Dense(6, activation="relu", name="before")(inputs)
    x = layers.TimeDistributed(inner, name="each")(x)
    model = keras.Model(inputs, layers.Dense(2)(x))
    plan, _ = check_same_function(model, "on_off_relu")
    assert set(actions(plan).values()) == {"skip"}
    assert "called at each step" in plan.sites[0].reason
    plan, _clone = check_same_function(model, "on_off_relu", on_conflict="compress")
    assert set(actions(plan).values()) == {"compress"}
    plan = plan_activation_swap(model, "on_off_relu", channels="halve")
    # Back at the old width behind the activation, and so at the border.
    assert plan.report.count("swap") == 2
    assert plan.apply().output_shape == model.output_shape


def test_costs_count_every_step():
    # The last one is a head where it is the model's own.
    where = "conv|relu"
    once = plan_activation_swap(frames(), where=where).report
    for steps in (1, 5):
        model = keras.Sequential(
            [keras.Input((steps, 8, 8, 3)), layers.TimeDistributed(frames(), name="each")]
        )
        each = plan_activation_swap(model, where=where).report
        assert each.before.multiply_adds == steps * once.before.multiply_adds
        assert each.after.multiply_adds == steps * once.after.multiply_adds
        assert each.after.parameters == once.after.parameters


def test_flags_of_what_is_within():
    model = video()
    model.get_layer("each").trainable = False
    model.get_layer("each").layer.get_layer("conv").trainable = True
    clone = clone_with_activation(model, lambda site: None)
    flags = [
        [layer.trainable for layer in (m.get_layer("each"), *m.get_layer("each").layer.layers)]
        for m in (model, clone)
    ]
    assert flags[0] == flags[1]
    clone = clone_with_activation(model, trainable="new")
    kept = {w.path for block in new_layers(clone) for w in block.trainable_weights}
    assert {w.path for w in clone.trainable_weights} == kept


def test_shared_with_a_call_on_single_pictures():
    inner = keras.Sequential(
        [keras.Input((6,)), layers.Dense(4, name="in"), layers.ReLU(name="relu"), layers.Dense(3)]
    )
    sequences, single = keras.Input((5, 6)), keras.Input((6,))
    x = layers.GlobalAveragePooling1D()(layers.TimeDistributed(inner)(sequences))
    model = keras.Model([sequences, single], layers.Dense(2)(x + inner(single)))
    for activation in ("leni", "on_off_relu"):
        plan, clone = check_same_function(model, activation)
        assert plan.report.count("swap") == 1
        (shared,) = {
            layer.layer for layer in clone.layers if isinstance(layer, layers.TimeDistributed)
        }
        assert shared in clone.layers


def test_the_report_looks_into_it():
    model = video()
    report = negative_information_report(model, random_inputs(model), verbose=0)
    paths = [site.path for site in report.sites]
    assert paths == ["each/frames/conv", "each/frames/relu", "each/frames/last", "outside"]


@keras.saving.register_keras_serializable(package="tests")
class Residual(layers.Layer):
    """Hides a convolution with an activation, and another."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = [layers.Conv1D(3, 1, activation="relu"), layers.Activation("silu")]

    def build(self, input_shape):
        self.steps[0].build(input_shape)

    def call(self, inputs):
        return inputs + self.steps[1](self.steps[0](inputs))


def test_a_model_called_at_each_step_may_be_multiplied_with_what_it_was_computed_from():
    inputs = keras.Input((5, 4))
    activated = layers.ReLU(name="activated")(inputs)
    each = keras.Sequential([keras.Input((4,)), layers.Dense(4, "relu", name="dense")])
    product = layers.Multiply()([activated, layers.TimeDistributed(each, name="each")(activated)])
    plan, _ = check_same_function(keras.Model(inputs, layers.Flatten()(product)))
    assert [(site.name, site.action) for site in plan.sites] == [
        ("activated", "swap"),
        ("dense", "swap"),
    ]


def test_what_is_not_opened_is_listed():
    inputs = keras.Input((5, 3))
    x = Residual(name="own")(inputs)
    x = layers.Bidirectional(layers.SimpleRNN(3, "relu", return_sequences=True), name="both")(x)
    x = layers.TimeDistributed(layers.Dense(4, activation="gelu"), name="dense")(x)
    deeper = keras.Sequential([keras.Input((2,)), layers.ReLU()])
    x = layers.TimeDistributed(layers.TimeDistributed(deeper), name="twice")(
        layers.Reshape((5, 2, 2))(x)
    )
    model = keras.Model(inputs, layers.Flatten()(layers.ReLU(name="plain")(x)))
    plan, _ = check_same_function(model)
    reasons = {site.path: (site.function, site.reason) for site in plan.sites}
    assert reasons == {
        "own": ("relu, silu", "inside Residual, which is not opened"),
        "both": ("relu", "inside Bidirectional, which is not opened"),
        "dense": ("gelu", "inside TimeDistributed, which is not opened"),
        "twice": ("relu", "inside TimeDistributed, which is not opened"),
        "plain": ("relu", ""),
    }
