"""What is not folded because of what stands around it, and what is found at depth."""

import keras
import pytest
from keras import layers

from keras_negact import LENI, plan_folding
from tests.support.folding import IMAGES, assert_folds, draw_all_weights, model_of, paths_of


def test_a_convolution_with_two_readers_is_not_computed_twice():
    inputs = keras.Input(IMAGES)
    x = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    model = keras.Model(inputs, layers.Add()([x, layers.BatchNormalization()(x)]))
    draw_all_weights(model)
    _, plan = assert_folds(model)
    assert "conv is used by" in plan.sites[0].reason


def test_an_output_of_the_model_stays():
    inputs = keras.Input(IMAGES)
    x = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    model = keras.Model(inputs, [layers.BatchNormalization()(x), x])
    draw_all_weights(model)
    _, plan = assert_folds(model)
    assert plan.sites[0].reason == "the output of conv is the model's too; the output of " + (
        f"{plan.sites[0].path} is the model's"
    )


def test_shared_layers():
    inputs = keras.Input(IMAGES)
    convolution, normalization = layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()
    block = LENI()
    x = block(normalization(convolution(inputs)))
    x = block(normalization(convolution(x)))
    model = keras.Model(inputs, x)
    draw_all_weights(model)
    folded, plan = assert_folds(model)
    assert len(paths_of(plan, "fold")) == 2
    assert len(folded.layers) == 3


def test_a_normalization_shared_by_two_convolutions_stays():
    inputs = keras.Input(IMAGES)
    normalization = layers.BatchNormalization()
    x = normalization(layers.Conv2D(4, 3, padding="same", name="first")(inputs))
    x = normalization(layers.Conv2D(4, 3, padding="same", name="second")(x))
    model = keras.Model(inputs, layers.Conv2D(2, 3)(x))
    draw_all_weights(model)
    _, plan = assert_folds(model)
    assert "it is shared, behind first, second" in plan.sites[0].reason


def test_nested_models_are_entered():
    inner = keras.Sequential([keras.Input((8, 7, 4)), layers.BatchNormalization(), LENI()])
    inputs = keras.Input(IMAGES)
    x = inner(layers.Conv2D(4, 3, padding="same")(inputs))
    outer = layers.Conv2D(3, 3)(layers.Add()([x, inputs]))
    model = keras.Model(inputs, outer)
    draw_all_weights(model)
    folded, plan = assert_folds(model)
    assert len(paths_of(plan, "fold")) == 2
    assert len(folded.get_layer(inner.name).layers) == 1


def test_a_nested_model_can_become_empty():
    inner = keras.Sequential([keras.Input((8, 7, 4)), layers.BatchNormalization()])
    inputs = keras.Input(IMAGES)
    model = keras.Model(inputs, inner(layers.Conv2D(4, 3, padding="same")(inputs)))
    draw_all_weights(model)
    assert_folds(model)


@pytest.mark.parametrize("around", [False, True])
def test_statistics_of_the_batch_stay(around):
    inputs = keras.Input(IMAGES)
    normalization = layers.BatchNormalization()
    if around:
        normalization = keras.Sequential([keras.Input(IMAGES), normalization])
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    model = keras.Model(inputs, normalization(x, training=True))
    _, plan = assert_folds(model)
    assert "training=True" in plan.sites[0].reason


def test_an_activation_inside_the_convolution_stands_between():
    convolution = layers.Conv2D(4, 3, activation="silu", name="conv")
    _, plan = assert_folds(model_of(convolution, layers.BatchNormalization(), layers.ReLU()))
    assert "conv ends in its own silu" in plan.sites[0].reason


def test_subclasses_are_left():
    class OwnNormalization(layers.BatchNormalization):
        pass

    class OwnBlock(LENI):
        pass

    model = model_of(layers.Conv2D(4, 3), OwnNormalization(), OwnBlock())
    plan = plan_folding(model)
    assert [site.action for site in plan.sites] == ["leave", "leave"]
    for site, kind in zip(plan.sites, ("OwnNormalization", "OwnBlock"), strict=True):
        assert site.reason == f"{kind} may do anything"


def test_another_axis_is_left():
    model = model_of(layers.Conv2D(4, 3), layers.BatchNormalization(axis=1), layers.ReLU())
    _, plan = assert_folds(model)
    assert "on another axis" in plan.sites[0].reason


def test_another_dtype_is_left():
    normalization = layers.BatchNormalization(dtype="float32")
    model = model_of(layers.Conv2D(4, 3, dtype="mixed_bfloat16"), normalization, layers.ReLU())
    _, plan = assert_folds(model, tolerance=1e-6)
    assert "another dtype" in plan.sites[0].reason
