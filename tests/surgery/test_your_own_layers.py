"""The page `docs/your-own-layers.md`, run as it stands."""

import pathlib
import re

import keras
import numpy as np

from keras_negact import clone_with_activation, surgery
from tests.support.own_layers import ChannelScale, Swoosh
from tests.support.swapping import check_same_function

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "your-own-layers.md"


def test_the_page_runs():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 5
    names = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)


def test_register_refuses_what_is_no_layer():
    import pytest

    for given in ((), (int,), ("Dense",)):
        with pytest.raises(ValueError, match="Received"):
            surgery.register(*given)
    for rule in (5, lambda: surgery.keep_channels()):
        with pytest.raises(ValueError, match=r"register's rule.*Received"):
            surgery.register(Softened)(rule)


@keras.saving.register_keras_serializable("test_your_own_layers")
class Softened(keras.Layer):
    def call(self, inputs):
        return inputs * keras.ops.tanh(keras.ops.softplus(inputs))


def test_a_layer_with_a_rule_of_its_own_can_be_the_new_activation():
    surgery.register(Softened)(lambda layer: surgery.keep_channels())
    convolution = keras.layers.Conv2D(3, 3)
    model = keras.Sequential([keras.Input((6, 6, 2)), convolution, keras.layers.ReLU()])
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype("float32")
    z = keras.ops.convert_to_numpy(convolution(x))
    clone = clone_with_activation(model, Softened())
    expected = z * np.tanh(np.log1p(np.exp(z)))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(clone(x)), expected, rtol=1e-5, atol=1e-6)


def test_a_rule_says_where_the_channels_are_only_where_the_layer_does():
    first = {"data_format": "channels_first"}
    model = keras.Sequential(
        [
            keras.Input((3, 8, 8)),
            keras.layers.Conv2D(4, 3, **first),
            Swoosh(name="swoosh"),
            keras.layers.Conv2D(4, 3, **first),
            ChannelScale(axis=1),
            keras.layers.LeakyReLU(0.2, name="leaky"),
            ChannelScale(axis=1),
            keras.layers.Conv2D(2, 1, **first),
        ]
    )
    plan, _ = check_same_function(model, source=["Swoosh", "leaky_relu"])
    assert [(site.axis, site.action) for site in plan.sites] == [(1, "swap")] * 2
    plan, _ = check_same_function(model, "on_off_relu")
    assert [site.action for site in plan.sites] == ["leave", "swap"]
