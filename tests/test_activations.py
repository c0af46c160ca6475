"""Activations by name, template, class and factory."""

import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU
from keras_negact._activations import doubles_width, resolve_activation
from tests.support.backends import to_numpy

X = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")


@pytest.mark.parametrize(
    ("name", "layer_class"),
    [
        ("relu", keras.layers.ReLU),
        ("leaky_relu", keras.layers.LeakyReLU),
        ("prelu", keras.layers.PReLU),
        ("on_off_relu", OnOffReLU),
        ("leni", LENI),
    ],
)
def test_names_of_layers(name, layer_class):
    factory = resolve_activation(name)
    assert type(factory()) is layer_class
    assert factory() is not factory()


@pytest.mark.parametrize("name", ["relu", "elu", "silu", "gelu", "mish", "selu", "tanh"])
def test_names_of_keras_activations(name):
    expected = to_numpy(keras.activations.get(name)(keras.ops.convert_to_tensor(X)))
    np.testing.assert_allclose(to_numpy(resolve_activation(name)()(X)), expected, rtol=1e-6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_prelu_has_one_slope_a_channel(data_format):
    keras.config.set_image_data_format(data_format)
    shape = (None, None, None, 5) if data_format == "channels_last" else (None, 5, None, None)
    layer = resolve_activation("prelu")()
    layer.build(shape)
    assert layer.alpha.shape == ((1, 1, 5) if data_format == "channels_last" else (5, 1, 1))


def test_template_is_copied_with_its_settings_and_weights_of_its_own():
    template = LENI(
        activation=keras.layers.PReLU(shared_axes=[1, 2]),
        transform="pointwise",
        start="random",
        name="template",
    )
    template(X)
    factory = resolve_activation(template)
    first, second = factory(), factory()
    assert len({template.name, first.name, second.name}) == 3
    assert first.activation is not template.activation
    for copy in (first, second):
        # Another number of channels than the template was built for.
        copy.build((None, 4, 4, 5))
        assert copy.transform == "pointwise"
        assert not {id(w) for w in copy.weights} & {id(w) for w in template.weights}
    assert not np.array_equal(to_numpy(first.kernel), to_numpy(second.kernel))


def test_template_without_seeds_gives_one_model_of_many():
    factory = resolve_activation(keras.layers.LeakyReLU(0.3))
    model = keras.Sequential([keras.Input((3,)), factory(), factory()])
    assert [layer.negative_slope for layer in model.layers] == [0.3, 0.3]


def test_classes_and_factories():
    assert type(resolve_activation(LENI)()) is LENI
    assert resolve_activation(lambda: LENI(kernel_size=5))().kernel_size == 5


@pytest.mark.parametrize("spec", ["nope", "", "LENI"])
def test_unknown_name(spec):
    with pytest.raises(
        ValueError, match=f"`activation` must be.*'leni'.*'relu'.*Received: '{spec}'"
    ):
        resolve_activation(spec)


@pytest.mark.parametrize(
    "spec", [None, 3, ["relu"], keras.activations.relu, keras.ops.relu, keras.layers.Activation]
)
def test_what_is_no_activation(spec):
    with pytest.raises(ValueError, match=r"`activation` must be .*without arguments.*Received"):
        resolve_activation(spec)


@pytest.mark.parametrize(
    ("layer", "doubles"),
    [
        (OnOffReLU(), True),
        (LENI(compression=None), True),
        (LENI(), False),
        (LENI(compression="pointwise"), False),
        (keras.layers.ReLU(), False),
    ],
)
def test_doubles_width(layer, doubles):
    assert doubles_width(layer) is doubles
    assert (layer.compute_output_shape((None, 4, 4, 3))[-1] == 6) is doubles
