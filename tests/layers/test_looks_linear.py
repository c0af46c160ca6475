"""LooksLinear: what the layer behind a pair computes at the start."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_negact
from keras_negact import LENI, LooksLinear, OnOffReLU
from tests.support.backends import to_numpy

READERS = {
    "dense": (lambda start: layers.Dense(6, kernel_initializer=start), (3, 4)),
    "convolution": (
        lambda start: layers.Conv2D(6, 3, padding="same", kernel_initializer=start),
        (2, 5, 6, 4),
    ),
    "in time": (
        lambda start: layers.Conv1D(6, 5, padding="causal", kernel_initializer=start),
        (2, 9, 4),
    ),
}


@pytest.mark.parametrize("slope", [1.0, 0.25, 0.0, -1.0])
@pytest.mark.parametrize("name", READERS)
def test_behind_the_pair_it_reads_a_leaky_relu(name, slope):
    make, shape = READERS[name]
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    reader = make(LooksLinear(slope))
    y = to_numpy(reader(OnOffReLU()(x)))
    first_half = to_numpy(reader.kernel)[..., :4, :]
    plain = make(keras.initializers.Constant(first_half))
    np.testing.assert_allclose(y, to_numpy(plain(np.where(x > 0, x, slope * x))), atol=1e-5)


def test_behind_leni_that_starts_as_the_pair():
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype("float32")
    pair = LENI(compression=None, start="leaky", slope=-1)
    reader = layers.Conv2D(6, 3, kernel_initializer=LooksLinear())
    y = to_numpy(reader(pair(x)))
    plain = layers.Conv2D(
        6, 3, kernel_initializer=keras.initializers.Constant(to_numpy(reader.kernel)[..., :4, :])
    )
    np.testing.assert_allclose(y, to_numpy(plain(x)), atol=1e-5)


@pytest.mark.parametrize("slope", [1.0, 0.25, 0.0])
def test_the_response_keeps_its_second_moment(slope):
    x = np.random.default_rng(0).normal(size=(200, 500)).astype("float32")
    reader = layers.Dense(500, use_bias=False, kernel_initializer=LooksLinear(slope))
    # Half of the leaky ReLU's second moment is the positive part's, which is all that ReLU has.
    assert np.mean(to_numpy(reader(OnOffReLU()(x))) ** 2) == pytest.approx(1, rel=0.05)


def test_an_initializer_of_its_own_and_a_saved_network(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            OnOffReLU(),
            layers.Dense(5, kernel_initializer=LooksLinear(0.5, "orthogonal"), name="reader"),
        ]
    )
    kernel = to_numpy(model.get_layer("reader").kernel)
    np.testing.assert_allclose(kernel[:3] @ kernel[:3].T, np.eye(3), atol=1e-6)
    np.testing.assert_array_equal(kernel[3:], -0.5 * kernel[:3])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").get_layer("reader")
    assert isinstance(loaded.kernel_initializer, LooksLinear)
    assert loaded.kernel_initializer.get_config() == LooksLinear(0.5, "orthogonal").get_config()


@pytest.mark.parametrize("shape", [(4,), (3, 3, 5, 2), (5, 2)])
def test_refuses_kernels_without_a_pair_to_read(shape):
    with pytest.raises(ValueError, match=r"even number of input channels. Received"):
        LooksLinear()(shape)
    with pytest.raises(ValueError, match=r"`slope` must be a finite number. Received: None"):
        LooksLinear(None)


def test_is_public():
    assert keras_negact.LooksLinear is keras_negact.layers.LooksLinear
