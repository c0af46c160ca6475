import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU, RetinalOpponency
from keras_negact.models import on_off_cnn
from tests.support.backends import tensorflow_only

PROTOCOLS = ("full", "halved", "conventional", "conventional_half")


def activation_for(protocol):
    return "on_off_relu" if protocol in ("full", "halved") else "relu"


def widths_of(model, kind):
    return [layer.output.shape[-1] for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ("protocol", "filters", "features"),
    [
        ("full", [8, 8, 16, 16, 32, 32], [16, 16, 32, 32, 64, 64]),
        ("halved", [4, 4, 8, 8, 16, 16], [8, 8, 16, 16, 32, 32]),
        ("conventional", [8, 8, 16, 16, 32, 32], [8, 8, 16, 16, 32, 32]),
        ("conventional_half", [4, 4, 8, 8, 16, 16], [4, 4, 8, 8, 16, 16]),
    ],
)
def test_protocol_fixes_filters_and_features(protocol, filters, features):
    model = on_off_cnn((8, 8, 1), 10, activation_for(protocol), protocol, width=8)
    assert widths_of(model, keras.layers.Conv2D) == filters
    assert widths_of(model, (OnOffReLU, keras.layers.ReLU)) == features
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_docstring_gives_the_parameters_of_each_protocol(protocol):
    model = on_off_cnn((32, 32, 3), 10, activation_for(protocol), protocol)
    row = next(line for line in on_off_cnn.__doc__.splitlines() if f'`"{protocol}"` |' in line)
    assert row.rstrip("| ").endswith(f"| {model.count_params():,}")


@pytest.mark.parametrize(
    ("activation", "protocol", "allowed"),
    [
        ("on_off_relu", "conventional", "full, halved"),
        (LENI(compression=None), "conventional_half", "full, halved"),
        ("leni", "full", "conventional, conventional_half"),
        ("relu", "halved", "conventional, conventional_half"),
        ("relu", "half", "'full', 'halved', 'conventional', 'conventional_half'"),
    ],
)
def test_protocol_that_does_not_go_with_the_activation_is_refused(activation, protocol, allowed):
    with pytest.raises(ValueError, match=f"{allowed}.*{protocol}"):
        on_off_cnn((8, 8, 1), 10, activation, protocol)


def test_odd_width_can_not_be_halved():
    with pytest.raises(ValueError, match="width=5"):
        on_off_cnn((8, 8, 1), 10, protocol="halved", width=5)


def test_retina_stands_in_front_of_rgb_images():
    model = on_off_cnn((16, 16, 3), 10, retina=True, width=4)
    assert isinstance(model.layers[1], RetinalOpponency)
    assert model.get_layer("stage1_first_conv").kernel.shape == (3, 3, 12, 4)
    with pytest.raises(ValueError, match="3"):
        on_off_cnn((16, 16, 1), 10, retina=True)


@pytest.mark.parametrize("input_shape", [(100, 2), (None, 2), (None, None, 3), (5, 7, 3)])
def test_signals_and_images_of_any_size(input_shape):
    model = on_off_cnn(input_shape, 3, width=4)
    sizes = [size or 21 for size in input_shape]
    assert model.predict(np.zeros((2, *sizes), "float32"), verbose=0).shape == (2, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("activation", "protocol"), [("on_off_relu", "halved"), ("leni", "conventional")]
)
def test_network_trains_and_survives_saving(activation, protocol, tmp_path):
    keras.utils.set_random_seed(0)
    model = on_off_cnn((8, 8, 3), 10, activation, protocol, width=8, retina=True)
    images = np.random.default_rng(0).uniform(-1, 1, size=(16, 8, 8, 3)).astype("float32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss=loss, jit_compile=False)
    losses = model.fit(images, np.arange(16) % 10, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        restored.predict(images, verbose=0), model.predict(images, verbose=0)
    )


@tensorflow_only
def test_synchronized_reaches_every_batch_normalization():
    model = on_off_cnn((8, 8, 1), 10, synchronized=True)
    norms = [n for n in model.layers if isinstance(n, keras.layers.BatchNormalization)]
    assert len(norms) == 6
    assert all(norm.synchronized for norm in norms)


@pytest.mark.parametrize(
    ("activation", "protocol"), [("on_off_relu", "full"), ("relu", "conventional")]
)
def test_without_normalization_the_response_keeps_its_scale(activation, protocol):
    images = np.random.default_rng(0).normal(size=(16, 16, 16, 3)).astype("float32")

    def moments(seed):
        keras.utils.set_random_seed(seed)
        model = on_off_cnn((16, 16, 3), 10, activation, protocol, width=16, normalization=None)
        kinds = {type(layer).__name__ for layer in model.layers}
        assert "BatchNormalization" not in kinds
        convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        assert all(layer.use_bias for layer in convolutions)
        seen = keras.Model(model.inputs, [layer.output for layer in convolutions])
        return [np.mean(np.square(response)) for response in seen.predict(images, verbose=0)]

    # Narrow networks differ with what is drawn; each backend draws something else.
    middle = np.exp(np.mean(np.log([moments(seed) for seed in range(16)]), axis=0))
    # Maximum pooling and zero padding change it a little, as they do in any such network.
    assert np.all((middle > 0.2) & (middle < 8)), middle


def test_without_normalization_pairs_are_read_as_linear():
    model = on_off_cnn((8, 8, 3), 10, retina=True, width=8, normalization=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            on, off = np.split(layer.get_weights()[0], 2, axis=-2)
            np.testing.assert_array_equal(off, -on)
    assert model.get_layer("stage1_first_conv").kernel_initializer.get_config()["slope"] == 1


def test_other_normalizations_are_refused():
    with pytest.raises(ValueError, match=r"`normalization` must be.*Received: 'layer'"):
        on_off_cnn((8, 8, 1), 10, normalization="layer")


@pytest.mark.parametrize("input_shape", [(64, 3), (16, 16, 3)])
def test_prelu_has_one_slope_a_channel_in_any_rank(input_shape):
    model = on_off_cnn(input_shape, 10, "prelu", "conventional", width=8)
    slopes = [layer.alpha for layer in model.layers if isinstance(layer, keras.layers.PReLU)]
    assert [int(np.prod(slope.shape)) for slope in slopes] == [8, 8, 16, 16, 32, 32]
