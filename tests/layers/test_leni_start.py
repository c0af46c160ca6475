"""What LENI's weights are at the start, and what that means for its output."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from keras_negact import LENI
from tests.support.backends import to_numpy
from tests.support.gradients import gradients
from tests.support.leni_cases import KEEPING_VARIANTS, VARIANTS, weights_by_name

NORMALIZED = {
    "normalized": {"normalization": "batch"},
    "normalized, pointwise": {"normalization": "batch", "transform": "pointwise"},
    "normalized, pointwise compression": {"normalization": "batch", "compression": "pointwise"},
    "normalized, no compression": {"normalization": "batch", "compression": None},
    "normalized, identity": {"normalization": "batch", "transform": None},
}
KEEPING = {**KEEPING_VARIANTS, **NORMALIZED}


@pytest.mark.parametrize("start", ["keep", None])
@pytest.mark.parametrize("name", KEEPING)
def test_keeps_the_activation_to_the_last_bit(name, start):
    arguments = KEEPING[name]
    layer = LENI(start=start, **arguments)
    assert_keeps(layer, keras.activations.get(arguments.get("activation") or "relu"), (2, 5, 5, 4))


def assert_keeps(layer, activation, shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    expected = to_numpy(activation(keras.ops.convert_to_tensor(x)))
    y = to_numpy(layer(x))
    if layer.compression is None:
        axis = 1 if layer.data_format == "channels_first" else -1
        y, silent = np.split(y, 2, axis=axis)
        np.testing.assert_array_equal(silent, 0)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    "activation", ["relu", "relu6", "leaky_relu", "elu", "selu", "silu", "gelu", "mish", "tanh"]
)
@pytest.mark.parametrize("compression", ["channelwise", "pointwise", None])
def test_keeps_any_activation(activation, compression):
    layer = LENI(activation=activation, compression=compression)
    assert_keeps(layer, keras.activations.get(activation), (2, 4, 4, 3))


def test_keeps_an_activation_layer_with_its_weights():
    activation = keras.layers.PReLU(alpha_initializer="uniform", shared_axes=[1, 2])
    assert_keeps(LENI(activation=activation), activation, (2, 4, 4, 3))


def test_keeps_around_a_transform_of_its_own():
    transform = keras.layers.DepthwiseConv2D(3, padding="same")
    for compression in ("channelwise", "pointwise", None):
        layer = LENI(transform=transform, compression=compression)
        assert_keeps(layer, keras.activations.relu, (2, 4, 4, 3))


@given(
    name=st.sampled_from(sorted(KEEPING_VARIANTS)),
    sizes=st.lists(st.integers(1, 4), max_size=3),
    channels=st.sampled_from([4, 8]),
    data_format=st.sampled_from(["channels_last", "channels_first"]),
)
def test_keeps_at_any_shape(name, sizes, channels, data_format):
    arguments = KEEPING_VARIANTS[name]
    shape = (2, channels, *sizes) if data_format == "channels_first" else (2, *sizes, channels)
    layer = LENI(data_format=data_format, **arguments)
    assert_keeps(layer, keras.activations.get(arguments.get("activation") or "relu"), shape)


def test_filters_equal_to_the_channels_can_be_kept():
    layer = LENI(compression="pointwise", filters=4, groups=2, start="keep")
    assert_keeps(layer, keras.activations.relu, (2, 3, 3, 4))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, {"kernel": 0, "positive_scale": 1, "negative_scale": 1}),
        ({"transform": None}, {"positive_scale": 1, "negative_scale": 0}),
        ({"normalization": "batch"}, {"positive_scale": 1, "negative_scale": 0, "gamma": 1}),
        ({"use_bias": True}, {"kernel": 0, "bias": 0}),
        ({"compression": None}, {"kernel": 0}),
        ({"compression": None, "transform": None}, {"negative_scale": 0}),
    ],
)
def test_weights_that_keep(arguments, expected):
    layer = LENI(start="keep", **arguments)
    layer.build((None, 5, 5, 4))
    weights = weights_by_name(layer)
    for name, value in expected.items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_compression_that_keeps_is_identity_over_zero(groups):
    layer = LENI(compression="pointwise", groups=groups)
    layer.build((None, 5, 5, 4))
    width = 4 // groups
    kernel = weights_by_name(layer)["compression_kernel"].reshape(2 * width, 4)
    identity_over_zero = np.concatenate([np.eye(width), np.zeros((width, width))])
    np.testing.assert_array_equal(kernel, np.tile(identity_over_zero, (1, groups)))
    assert weights_by_name(layer)["kernel"].any()


@pytest.mark.parametrize(
    ("arguments", "shape", "expected"),
    [
        ({}, (None, 6), {"kernel": (6, 1), "positive_scale": (6,), "negative_scale": (6,)}),
        ({}, (None, 9, 6), {"kernel": (3, 6, 1), "positive_scale": (6,), "negative_scale": (6,)}),
        (
            {"kernel_size": 5, "use_bias": True},
            (None, 9, 9, 6),
            {"kernel": (5, 5, 6, 1), "bias": (6,), "positive_scale": (6,), "negative_scale": (6,)},
        ),
        (
            {"kernel_size": (1, 3, 5)},
            (None, None, None, None, 6),
            {"kernel": (1, 3, 5, 6, 1), "positive_scale": (6,), "negative_scale": (6,)},
        ),
        (
            {"transform": "pointwise", "transform_groups": 3},
            (None, 9, 9, 6),
            {"kernel": (1, 1, 2, 6), "positive_scale": (6,), "negative_scale": (6,)},
        ),
        ({"transform": "pointwise", "compression": None}, (None, 6), {"kernel": (6, 6)}),
        (
            {"compression": "pointwise", "groups": 2, "filters": 10},
            (None, 9, 9, 6),
            {"kernel": (3, 3, 6, 1), "compression_kernel": (1, 1, 6, 10)},
        ),
        (
            {"transform": None, "compression": "pointwise", "data_format": "channels_first"},
            (None, 6, 9),
            {"compression_kernel": (1, 12, 6)},
        ),
        ({"transform": None}, (None, 9, 6), {"positive_scale": (6,), "negative_scale": (6,)}),
        ({"transform": None, "compression": None}, (None, 6), {"negative_scale": (6,)}),
    ],
)
def test_names_and_shapes_of_the_weights(arguments, shape, expected):
    layer = LENI(**arguments)
    layer.build(shape)
    assert {weight.name: tuple(weight.shape) for weight in layer.weights} == expected


LEAKY = {
    "depthwise": {},
    "sum": {"compression": "sum", "kernel_size": 5},
    "pointwise": {"transform": "pointwise", "transform_groups": 2},
    "identity": {"transform": None},
    "no compression": {"compression": None},
    "no compression, identity": {"compression": None, "transform": None},
}


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("shape", [(3, 4), (2, 5, 4), (2, 5, 6, 4), (2, 3, 4, 5, 4)])
@pytest.mark.parametrize("name", LEAKY)
def test_leaky_start(name, shape, activation):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = LENI(activation=activation, start="leaky", **LEAKY[name])
    y = to_numpy(layer(x))
    positive = to_numpy(keras.activations.get(activation)(keras.ops.convert_to_tensor(x)))
    negative = np.minimum(x, 0) / 4
    if layer.compression is None:
        expected = np.concatenate([positive, negative], axis=-1)
    else:
        expected = positive + negative
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-7)
    assert LENI.from_config(layer.get_config()).start == "leaky"


def test_causal_leaky_start_is_the_present():
    x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    y = to_numpy(LENI(start="leaky", padding="causal")(x))
    np.testing.assert_allclose(y, np.where(x > 0, x, x / 4), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("slope", [0, 0.01, -1])
@pytest.mark.parametrize("name", LEAKY)
def test_leaky_start_of_another_slope(name, slope):
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 4)).astype("float32")
    layer = LENI(start="leaky", slope=slope, **LEAKY[name])
    layer = LENI.from_config(layer.get_config())
    got = to_numpy(layer(x))
    if layer.compression is None:
        got = got[..., :4] + got[..., 4:]
    np.testing.assert_allclose(got, np.where(x > 0, x, slope * x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("start", ["keep", "leaky", "random"])
@pytest.mark.parametrize("transform", ["depthwise", "pointwise"])
def test_gain_changes_how_the_kernel_is_kept_and_not_how_the_block_starts(transform, start):
    """The same start, and behind a step of SGD a kernel in use that is the gain squared as far."""
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype("float32")
    kernels = {}
    for gain in (1, 4):
        keras.utils.set_random_seed(1)
        layer = LENI(transform=transform, start=start, kernel_gain=gain)
        layer = LENI.from_config(layer.get_config())
        start_output = to_numpy(layer(x))
        before = to_numpy(layer.effective_kernel)
        np.testing.assert_allclose(before, gain * to_numpy(layer.kernel), rtol=1e-6)
        _, (gradient,) = gradients(lambda z, one=layer: ops.sum(one(z) * z), x, [layer.kernel])
        layer.kernel.assign(to_numpy(layer.kernel) - gradient)
        kernels[gain] = (start_output, before, to_numpy(layer.effective_kernel) - before)
    np.testing.assert_allclose(kernels[4][0], kernels[1][0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(kernels[4][1], kernels[1][1], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(kernels[4][2], 16 * kernels[1][2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "arguments",
    [
        {"normalization": "batch"},
        {"compression": "pointwise"},
        {"transform": keras.layers.DepthwiseConv2D(3, padding="same")},
        {"kernel_initializer": "he_normal"},
    ],
)
def test_leaky_start_is_refused_where_it_would_be_something_else(arguments):
    with pytest.raises(ValueError, match="start='leaky'"):
        LENI(start="leaky", **arguments)


def test_random_draws_everything():
    for name in ("default", "pointwise transform", "pointwise compression", "no compression"):
        layer = LENI(**{**VARIANTS[name], "start": "random"})
        layer.build((None, 5, 5, 4))
        kernels = [w for n, w in weights_by_name(layer).items() if n.endswith("kernel")]
        assert all(np.unique(kernel).size == kernel.size for kernel in kernels)


def test_start_is_random_where_keeping_is_not_possible_or_not_meant():
    shape = (None, 5, 5, 4)
    for arguments in (
        {"compression": "pointwise", "filters": 6},
        {"kernel_initializer": "he_normal"},
        {"scale_initializer": "ones"},
    ):
        layer = LENI(**arguments)
        layer.build(shape)
        assert weights_by_name(layer)["kernel"].any(), arguments
        assert layer.get_config()["start"] is None


def test_initializers_reach_their_weights():
    layer = LENI(
        kernel_gain=1,
        use_bias=True,
        kernel_initializer=keras.initializers.Constant(2),
        scale_initializer=keras.initializers.Constant(3),
        bias_initializer=keras.initializers.Constant(4),
    )
    layer.build((None, 5, 5, 4))
    values = {name: np.unique(value).tolist() for name, value in weights_by_name(layer).items()}
    assert values == {"kernel": [2], "bias": [4], "positive_scale": [3], "negative_scale": [3]}
    layer = LENI(compression="pointwise", compression_initializer=keras.initializers.Constant(5))
    layer.build((None, 5, 5, 4))
    assert (weights_by_name(layer)["compression_kernel"] == 5).all()


def test_regularizers_and_constraints_reach_their_weights():
    layer = LENI(
        compression="pointwise",
        use_bias=True,
        kernel_regularizer="l1",
        compression_regularizer="l2",
        bias_constraint="non_neg",
    )
    layer.build((None, 5, 5, 4))
    assert layer.kernel.regularizer is layer.kernel_regularizer
    assert layer.compression_kernel.regularizer is layer.compression_regularizer
    assert layer.bias.constraint is layer.bias_constraint
    assert len(layer.losses) == 2
    layer = LENI(scale_regularizer="l2", scale_constraint="non_neg")
    layer.build((None, 5, 5, 4))
    for scale in (layer.positive_scale, layer.negative_scale):
        assert scale.regularizer is layer.scale_regularizer
        assert scale.constraint is layer.scale_constraint


def test_weight_decay_can_leave_the_positive_scale_alone():
    model = keras.Sequential([keras.Input((5, 5, 4)), LENI(start="random")])
    (layer,) = model.layers
    before = weights_by_name(layer)
    optimizer = keras.optimizers.AdamW(learning_rate=0.1, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["positive_scale"])
    optimizer.build(model.trainable_variables)
    gradients = [keras.ops.zeros(v.shape) for v in model.trainable_variables]
    optimizer.apply(gradients, model.trainable_variables)
    after = weights_by_name(layer)
    np.testing.assert_array_equal(after["positive_scale"], before["positive_scale"])
    np.testing.assert_allclose(after["negative_scale"], 0.99, rtol=1e-6)
    assert (np.abs(after["kernel"]) < np.abs(before["kernel"])).all()
