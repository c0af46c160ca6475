import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI, OnOffReLU
from keras_negact.comparison import ACTIVATIONS, activation_variants
from keras_negact.comparison.costs import multiply_adds, parameters
from keras_negact.layers.rivals import FilteredReLU, FunnelReLU
from tests.support.backends import to_numpy

IMAGES = np.random.default_rng(0).normal(size=(3, 6, 6, 2)).astype("float32")


def network(width=4):
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(width, 3, use_bias=False, name="first")(inputs)
    x = layers.ReLU(name="activation")(x)
    x = layers.Conv2D(2, 3, use_bias=False, name="second")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))


@pytest.fixture(scope="module")
def built():
    return {name: build() for name, build in activation_variants(network).items()}


# 4 x 4 pixels behind the first convolution, 2 x 2 behind the second.
FIRST, SECOND = 18 * 4, 36 * 2
EXTRA_WEIGHTS = {
    "prelu": 4,
    "funnel": 36 + 8,
    "on_off_relu": SECOND,
    "on_off_relu_halved": -FIRST // 2,
    "leni": 36 + 8,
}
# One for each value of what is no rectifier, on four channels.
CURVED = ("leaky_relu", "prelu", "elu", "silu", "gelu", "mish")
EXTRA_MULTIPLY_ADDS = {
    **dict.fromkeys(CURVED, 4 * 16),
    "funnel": 36 * 16,
    "on_off_relu": SECOND * 4,
    "on_off_relu_halved": -FIRST // 2 * 16,
    "leni": (36 + 8) * 16,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_by_name_costs_what_it_should(built, name):
    model = built[name]
    assert parameters(model) == FIRST + SECOND + EXTRA_WEIGHTS.get(name, 0)
    expected = FIRST * 16 + SECOND * 4 + EXTRA_MULTIPLY_ADDS.get(name, 0)
    assert multiply_adds(model) == expected
    assert np.isfinite(to_numpy(model(IMAGES))).all()


def test_names_say_what_stands_at_the_site(built):
    def leni(name):
        return next(layer for layer in built[name].layers if isinstance(layer, LENI))

    assert isinstance(built["on_off_relu"].get_layer("activation"), OnOffReLU)
    assert leni("leni").get_config()["transform"] == "depthwise"
    assert built["on_off_relu_halved"].get_layer("first").filters == 2


def test_fresh_variants_start_from_the_initializers(built):
    """Behind a doubled width a swap leaves zeros, which is no start for a training from scratch."""
    kernel = to_numpy(built["on_off_relu"].get_layer("second").kernel)
    assert kernel.shape == (3, 3, 8, 2)
    assert np.count_nonzero(kernel) == kernel.size


def test_variants_for_fine_tuning_keep_the_function():
    source = network()
    variants = activation_variants(lambda: source, ["leni", "on_off_relu"], fresh=False)
    for build in variants.values():
        np.testing.assert_allclose(
            to_numpy(build()(IMAGES)), to_numpy(source(IMAGES)), rtol=1e-5, atol=1e-6
        )


def test_the_seed_is_handed_on():
    seen = []

    def build(seed):
        seen.append(seed)
        return network()

    activation_variants(build, ["relu"])["relu"](seed=11)
    assert seen == [11]


class Unregistered(keras.losses.MeanSquaredError):
    pass


class WithOwnCompile(keras.Model):
    def compile(self, loss):
        super().compile("sgd", loss)


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        (keras.Model, {"optimizer": "sgd", "loss": Unregistered()}, "Could not locate class"),
        (keras.Model, {"optimizer": "sgd", "loss": lambda true, given: true - given}, "lambda"),
        (WithOwnCompile, {"loss": "mse"}, "`compile` of its own"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_variant_that_would_be_trained_otherwise_is_refused(kind, arguments, reason):
    def build():
        inputs = keras.Input((3,))
        model = kind(inputs, layers.Dense(2, "relu")(inputs))
        model.compile(**arguments)
        return model

    (variant,) = activation_variants(build, {"leaky": "leaky_relu"}).values()
    with pytest.raises(ValueError, match=f"(?s)cannot be compiled as that is.*{reason}"):
        variant()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"`activations` must be among.*Received: \['relu7'\]"):
        activation_variants(network, ["relu", "relu7"])


def filtered(x, kernel):
    """A depthwise 3 x 3 correlation with zeros around, pixel by pixel."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    return sum(
        padded[:, i : i + height, j : j + width] * kernel[i, j, :, 0]
        for i in range(3)
        for j in range(3)
    )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kind", [FunnelReLU, FilteredReLU])
def test_rivals_against_numpy(kind, data_format, tmp_path):
    to_format = [0, 3, 1, 2] if data_format == "channels_first" else [0, 1, 2, 3]
    images = IMAGES.transpose(to_format)
    inputs = keras.Input(images.shape[1:])
    layer = kind(data_format=data_format)
    model = keras.Model(inputs, layer(inputs))
    generator = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    kernel = to_numpy(layer.kernel)
    if kind is FunnelReLU:
        gamma, beta, mean, variance = map(to_numpy, layer.normalization.weights)
        condition = (filtered(IMAGES, kernel) - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        expected = np.maximum(IMAGES, condition)
    else:
        positive = np.maximum(IMAGES, 0)
        expected = positive + filtered(positive, kernel)
    np.testing.assert_allclose(
        to_numpy(model(images)), expected.transpose(to_format), rtol=1e-4, atol=1e-5
    )

    model.save(tmp_path / "rival.keras")
    again = keras.models.load_model(tmp_path / "rival.keras")
    np.testing.assert_array_equal(to_numpy(again(images)), to_numpy(model(images)))
