import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU
from keras_negact.models import network_by_name


def layers_of(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer


def widths_of(model, kind):
    return [layer.output.shape[-1] for layer in layers_of(model) if isinstance(layer, kind)]


@pytest.mark.parametrize("depth", [8, 20])
def test_residual_network_of_any_depth(depth):
    model = network_by_name(f"cifar_resnet{depth}", (8, 8, 1), 10, "leni")
    assert len(widths_of(model, LENI)) == depth - 1


@pytest.mark.parametrize("activation", ["relu", "prelu", "leni", "on_off_relu"])
def test_on_off_cnn_keeps_its_filters_whatever_the_activation(activation):
    model = network_by_name("on_off_cnn", (8, 8, 1), 10, activation)
    assert widths_of(model, keras.layers.Conv2D) == [32, 32, 64, 64, 128, 128]


def test_unknown_network_is_refused_with_what_is_allowed():
    with pytest.raises(ValueError, match=r"cifar_resnet20.*MobileNetV2.*Received: 'LeNet'"):
        network_by_name("LeNet", (8, 8, 1), 10)


def test_depth_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"`depth`.*Received: 21"):
        network_by_name("cifar_resnet21", (8, 8, 1), 10)


@pytest.mark.parametrize(("activation", "kind"), [("leni", LENI), ("on_off_relu", OnOffReLU)])
def test_application_takes_grey_images_smaller_than_it_allows(activation, kind):
    model = network_by_name("MobileNet", (8, 8, 1), 10, activation)
    assert model.get_layer("enlarged").output.shape == (None, 32, 32, 1)
    assert model.output_shape == (None, 10)
    assert widths_of(model, kind)
    logits = model.predict(np.random.default_rng(0).normal(size=(2, 8, 8, 1)), verbose=0)
    assert np.isfinite(logits).all()
    assert not np.allclose(logits.sum(axis=-1), 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "side", "takes_bytes"),
    [
        ("InceptionV3", 75, False),
        ("Xception", 71, False),
        ("EfficientNetB0", 32, True),
        ("EfficientNetV2B0", 32, True),
        ("MobileNetV3Small", 32, True),
        ("ConvNeXtTiny", 32, True),
    ],
)
def test_application_gets_the_size_and_the_range_that_it_needs(name, side, takes_bytes):
    model = network_by_name(name, (32, 32, 3), 10, "leni")
    names = [layer.name for layer in model.layers]
    assert ("enlarged" in names) == (side != 32)
    assert ("bytes" in names) == takes_bytes
    assert model.layers[-1].input_shape[1:3] == (side, side)
    assert widths_of(model, LENI)
