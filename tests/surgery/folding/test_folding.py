"""The folded network as a whole: every form, precision and rank, its report, its file."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI, fold_for_inference, plan_folding
from keras_negact.models import cifar_resnet, on_off_cnn
from tests.support.backends import to_numpy
from tests.support.folding import assert_folds, draw_all_weights, inputs_for, model_of


@pytest.mark.parametrize(("policy", "precision"), [("mixed_bfloat16", 8), ("mixed_float16", 11)])
def test_mixed_precision(policy, precision):
    keras.config.set_dtype_policy(policy)
    model = model_of(
        layers.Conv2D(8, 3),
        layers.BatchNormalization(),
        LENI(normalization="batch"),
        layers.Conv2D(4, 3),
    )
    folded, _ = assert_folds(model, tolerance=4 * 2.0**-precision)
    assert folded.layers[0].compute_dtype == model.layers[0].compute_dtype
    assert folded.dtype_policy == model.dtype_policy
    assert folded.layers[0].kernel.dtype == "float32"


@pytest.mark.parametrize("activation", ["leni", LENI(normalization="batch"), "on_off_relu"])
def test_channels_first(activation):
    keras.config.set_image_data_format("channels_first")
    protocol = "full" if activation == "on_off_relu" else "conventional"
    # Never as wide as there are channels, or Keras 3.15 adds the bias along the wrong axis.
    model = on_off_cnn((3, 9, 9), 4, activation, protocol, width=8)
    draw_all_weights(model)
    _, plan = assert_folds(model)
    assert not [site for site in plan.sites if site.function != "leni" and site.action == "leave"]


@pytest.mark.parametrize("shape", [(6,), (9, 4), (5, 6, 5, 2)])
def test_every_rank(shape):
    rank = len(shape) - 1
    linear = layers.Dense(4) if rank == 0 else getattr(layers, f"Conv{rank}D")(4, 3)
    block = LENI(normalization="batch")
    model = model_of(linear, layers.BatchNormalization(), block, layers.Dense(3), shape=shape)
    assert_folds(model)


def test_images_of_unknown_size():
    stack = [layers.Conv2D(4, 3), layers.BatchNormalization(), LENI(), layers.Conv2D(4, 3)]
    model = model_of(*stack, shape=(None, None, 3))
    folded = fold_for_inference(model, verbose=False)
    assert folded.input_shape == (None, None, None, 3)
    assert_folds(model, x=np.random.default_rng(0).normal(size=(2, 9, 11, 3)).astype("float32"))


def test_the_report(capsys):
    model = cifar_resnet(8, activation="leni", width=4)
    draw_all_weights(model)
    folded = fold_for_inference(model)
    assert "BatchNormalization: 7 folded" in capsys.readouterr().out
    plan = plan_folding(model)
    assert plan.report.before.parameters == model.count_params()
    assert plan.report.after.parameters == folded.count_params()
    assert plan.report.layers == (len(model.operations) - 1, len(folded.operations) - 1)
    assert json.loads(json.dumps(plan.to_dict()))["sites"][0]["into"] == "stem_conv"
    text = str(plan)
    for site in plan.sites:
        assert site.path in text
        assert site.reason in text


def test_subclassed_models_are_refused():
    class Own(keras.Model):
        pass

    with pytest.raises(ValueError, match="subclassed"):
        fold_for_inference(Own())


def test_folding_twice_changes_nothing_more():
    model = cifar_resnet(8, activation=LENI(normalization="batch"), width=4)
    draw_all_weights(model)
    once = fold_for_inference(model, verbose=False)
    plan = plan_folding(once)
    twice = plan.apply()
    assert {site.function for site in plan.sites} == {"leni"}
    for first, second in zip(once.get_weights(), twice.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_folded_network_is_saved_and_loaded(tmp_path):
    model = cifar_resnet(8, activation=LENI(normalization="batch"), width=4)
    draw_all_weights(model)
    folded = fold_for_inference(model, verbose=False)
    folded.save(tmp_path / "folded.keras")
    loaded = keras.saving.load_model(tmp_path / "folded.keras")
    x = inputs_for(model)
    np.testing.assert_array_equal(to_numpy(folded(x)), to_numpy(loaded(x)))
