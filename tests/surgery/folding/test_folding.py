"""What is folded, that it changes nothing, and what is not folded."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI, OnOffReLU, fold_for_inference, plan_folding
from keras_negact.models import cifar_resnet, on_off_cnn
from tests.support.backends import to_numpy
from tests.support.folding import assert_folds, draw_all_weights, inputs_for

IMAGES = (8, 7, 4)


def model_of(*stack, shape=IMAGES):
    model = keras.Sequential([keras.Input(shape), *stack])
    draw_all_weights(model)
    return model


def entries_of(plan, action):
    return [entry.path for entry in plan.entries if entry.action == action]


LINEAR = {
    "dense": (layers.Dense(5), (6,)),
    "dense over an image": (layers.Dense(5), IMAGES),
    "conv 1d": (layers.Conv1D(6, 3, padding="causal"), (9, 4)),
    "conv 2d": (layers.Conv2D(6, 3, padding="same", use_bias=False), IMAGES),
    "conv 3d": (layers.Conv3D(6, 2), (4, 5, 4, 2)),
    "strides": (layers.Conv2D(6, 3, strides=2, padding="same"), IMAGES),
    "dilation": (layers.Conv2D(6, 3, dilation_rate=2, padding="same"), IMAGES),
    "groups": (layers.Conv2D(6, 3, groups=2), IMAGES),
    "transposed 1d": (layers.Conv1DTranspose(6, 3, strides=2), (9, 4)),
    "transposed 2d": (layers.Conv2DTranspose(6, 3, strides=2, use_bias=False), IMAGES),
    "transposed 3d": (layers.Conv3DTranspose(3, 2), (3, 4, 3, 2)),
    "depthwise 1d": (layers.DepthwiseConv1D(3, depth_multiplier=2), (9, 4)),
    "depthwise 2d": (layers.DepthwiseConv2D(3, depth_multiplier=3, padding="same"), IMAGES),
    "separable 1d": (layers.SeparableConv1D(6, 3), (9, 4)),
    "separable 2d": (layers.SeparableConv2D(6, 3, depth_multiplier=2, use_bias=False), IMAGES),
}


def copy_of(layer):
    return type(layer).from_config(layer.get_config())


@pytest.mark.parametrize("name", LINEAR)
def test_batch_normalization_goes_into_the_layer_in_front(name):
    layer, shape = LINEAR[name]
    model = model_of(
        copy_of(layer), layers.Dropout(0.5), layers.BatchNormalization(), layers.ReLU(), shape=shape
    )
    folded, plan = assert_folds(model)
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in folded.layers)
    assert plan.entries[0].into == model.layers[0].name


BEHIND = {
    "dense": (layers.Dense(5), (4,)),
    "conv 1d": (layers.Conv1D(6, 3), (9, 4)),
    "conv 3d": (layers.Conv3D(6, 2), (4, 5, 4, 2)),
    "pointwise": (layers.Conv2D(6, 1, padding="same", use_bias=False), IMAGES),
    "strides": (layers.Conv2D(6, 3, strides=2), IMAGES),
    "groups": (layers.Conv2D(6, 3, groups=2, use_bias=False), IMAGES),
    "depthwise": (layers.DepthwiseConv2D(3, depth_multiplier=3), IMAGES),
    "separable": (layers.SeparableConv2D(6, 3, depth_multiplier=2), IMAGES),
    "with an activation": (layers.Conv2D(6, 3, activation="tanh"), IMAGES),
}


@pytest.mark.parametrize("name", BEHIND)
def test_batch_normalization_goes_into_the_layer_behind(name):
    layer, shape = BEHIND[name]
    model = model_of(layers.ReLU(), layers.BatchNormalization(), copy_of(layer), shape=shape)
    folded, plan = assert_folds(model)
    assert len(folded.layers) == 2
    assert plan.entries[0].into == model.layers[2].name


def test_batch_normalization_passes_the_global_mean():
    pooling = layers.GlobalAveragePooling2D()
    model = model_of(layers.ReLU(), layers.BatchNormalization(), pooling, layers.Dense(3))
    folded, plan = assert_folds(model)
    assert len(folded.layers) == 3
    assert plan.entries[0].into == model.layers[-1].name


def test_batch_normalizations_in_a_row_become_one_convolution():
    normalizations = [layers.BatchNormalization() for _ in range(3)]
    folded, _ = assert_folds(model_of(layers.Conv2D(6, 3), *normalizations))
    assert [type(layer) for layer in folded.layers] == [layers.Conv2D]


def test_batch_normalization_goes_into_another_one():
    stack = [layers.BatchNormalization(scale=False, center=False), layers.BatchNormalization()]
    folded, _ = assert_folds(model_of(layers.ReLU(), *stack, layers.ReLU()))
    assert len(folded.layers) == 3


@pytest.mark.parametrize(
    ("behind", "reason"),
    [
        (layers.Conv2D(4, 3, padding="same"), "zeros"),
        (layers.Conv2DTranspose(4, 3), "unlike taps"),
        (layers.MaxPooling2D(2), "no layer to fold into"),
        (layers.Dense(3, activation="relu"), None),
    ],
)
def test_a_shift_does_not_pass_a_border(behind, reason):
    model = model_of(layers.ReLU(), layers.BatchNormalization(), behind)
    _, plan = assert_folds(model)
    if reason is None:
        assert plan.entries[0].action == "folded"
    else:
        assert reason in plan.entries[0].reason


def test_a_scale_without_shift_passes_a_border():
    normalization = layers.BatchNormalization(center=False)
    model = model_of(layers.ReLU(), normalization, layers.Conv2D(4, 3, padding="same"))
    normalization.moving_mean.assign(0 * normalization.moving_mean)
    folded, _ = assert_folds(model)
    assert len(folded.layers) == 2


CHANNELWISE = {
    "default": {},
    "five taps, bias": {"kernel_size": 5, "use_bias": True},
    "pointwise": {"transform": "pointwise"},
    "grouped": {"transform": "pointwise", "transform_groups": 2, "use_bias": True},
    "identity": {"transform": None},
    "normalized": {"normalization": "batch"},
    "normalized identity": {"transform": None, "normalization": "batch"},
    "normalized pointwise": {"transform": "pointwise", "normalization": "batch", "use_bias": True},
    "normalized by a layer": {"normalization": layers.BatchNormalization(center=False)},
    "leaky": {"activation": layers.LeakyReLU(0.2)},
    "prelu": {"activation": layers.PReLU(shared_axes=[1, 2])},
}


@pytest.mark.parametrize("name", CHANNELWISE)
@pytest.mark.parametrize("into", ["front", "behind", "normalization", "nothing"])
def test_channelwise_leni_keeps_one_kernel(name, into):
    block = LENI.from_config(LENI(**CHANNELWISE[name]).get_config())
    stacks = {
        "front": [layers.Conv2D(4, 3), block, layers.MaxPooling2D(2)],
        "behind": [layers.MaxPooling2D(2), block, layers.AveragePooling2D(2), layers.Conv2D(3, 1)],
        "normalization": [layers.ReLU(), layers.BatchNormalization(), block],
        "nothing": [layers.MaxPooling2D(2), block, layers.MaxPooling2D(2)],
    }
    # The branch is to be seen on both sides of zero.
    shift = layers.Rescaling(1.0, offset=-0.5)
    model = model_of(layers.Dense(4), shift, *stacks[into])
    folded, plan = assert_folds(model)
    (left,) = (layer for layer in folded.layers if isinstance(layer, LENI))
    (entry,) = (entry for entry in plan.entries if entry.kind == "LENI")
    assert entry.action == "folded"
    assert left.normalization is None
    if into == "nothing":
        assert "its positive scale stays" in entry.reason
        assert left.compression == "channelwise"
        np.testing.assert_array_equal(to_numpy(left.negative_scale), 1)
    else:
        assert left.compression == "sum"
        assert left.positive_scale is None
        assert left.negative_scale is None
        assert entry.into


@pytest.mark.parametrize("activation", ["silu", "relu6", "elu", "gelu"])
def test_only_homogeneous_activations_let_a_scale_go_in_front(activation):
    stack = [layers.Conv2D(4, 3), LENI(activation)]
    _, plan = assert_folds(model_of(*stack, layers.Conv2D(3, 3, padding="same")))
    assert plan.entries[0].into.startswith("conv2d")
    assert plan.entries[0].into != stack[0].name
    _, plan = assert_folds(model_of(layers.Conv2D(4, 3), LENI(activation)))
    assert f"{activation}(p x) is not p {activation}(x)" in plan.entries[0].reason


@pytest.mark.parametrize("values", [[1, -2, 3, 1], [1, 0, 3, 1], [1, 1e-3, 1, 1]])
def test_scales_of_any_sign_and_size_are_kept(values):
    block = LENI()
    model = model_of(layers.Conv2D(4, 3), block, layers.Conv2D(3, 3))
    block.positive_scale.assign(values)
    _, plan = assert_folds(model)
    goes_behind = min(np.abs(values)) > 0.1
    assert plan.entries[0].into == (model.layers[2].name if goes_behind else "")


@pytest.mark.parametrize("compression", ["pointwise", None])
@pytest.mark.parametrize("transform", ["depthwise", "pointwise", None])
def test_other_compressions_fold_the_normalization(compression, transform):
    groups = 2 if compression else 1
    block = LENI(transform=transform, normalization="batch", compression=compression, groups=groups)
    model = model_of(layers.Conv2D(4, 3), block, layers.Conv2D(3, 3))
    folded, plan = assert_folds(model)
    assert entries_of(plan, "folded") == [block.name]
    assert folded.layers[1].normalization is None
    assert folded.layers[1].compression == compression


def test_batch_normalization_behind_leni():
    folded, plan = assert_folds(model_of(layers.Conv2D(4, 3), LENI(), layers.BatchNormalization()))
    assert len(folded.layers) == 2
    assert {entry.action for entry in plan.entries} == {"folded"}
    block = LENI(compression="pointwise")
    _, plan = assert_folds(model_of(layers.Conv2D(4, 3), block, layers.BatchNormalization()))
    assert "no scales" in plan.entries[1].reason


FRESH = [
    {},
    {"normalization": "batch"},
    {"transform": None, "normalization": layers.GroupNormalization(2)},
    {"transform": layers.DepthwiseConv2D(3, padding="same")},
    {"compression": "pointwise"},
    {"compression": "pointwise", "groups": 2},
    {"compression": "sum"},
    {"activation": "silu"},
    {"activation": layers.PReLU(shared_axes=[1, 2])},
]


@pytest.mark.parametrize("arguments", FRESH, ids=str)
def test_a_silent_leni_becomes_its_activation(arguments):
    block = LENI.from_config(LENI(**arguments).get_config())
    model = keras.Sequential([keras.Input(IMAGES), layers.Conv2D(4, 3), block])
    if isinstance(block.activation, keras.Layer):
        draw_all_weights(block.activation)
    folded, plan = assert_folds(model)
    assert not any(isinstance(layer, LENI) for layer in folded.layers)
    assert folded.layers[-1].name == block.name
    assert entries_of(plan, "reduced") == [block.name]


def test_a_silent_leni_keeps_scale_and_shift():
    block = LENI("silu", use_bias=True)
    model = model_of(layers.Conv2D(4, 3), block)
    block.kernel.assign(0 * block.kernel)
    folded, _ = assert_folds(model)
    kinds = [layers.Conv2D, layers.Activation, layers.BatchNormalization]
    assert [type(layer) for layer in folded.layers] == kinds


def test_what_leni_does_not_open_stays():
    block = LENI(transform=layers.DepthwiseConv2D(3, padding="same"), normalization="batch")
    model = model_of(layers.Conv2D(4, 3), layers.BatchNormalization(), block)
    _, plan = assert_folds(model)
    assert entries_of(plan, "left") == [block.name]
    block = LENI(normalization=layers.LayerNormalization())
    _, plan = assert_folds(model_of(layers.Conv2D(4, 3), block))
    assert "depends on the input" in plan.entries[0].reason


def test_a_convolution_with_two_readers_is_not_computed_twice():
    inputs = keras.Input(IMAGES)
    x = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    model = keras.Model(inputs, layers.Add()([x, layers.BatchNormalization()(x)]))
    draw_all_weights(model)
    _, plan = assert_folds(model)
    assert "conv is used by" in plan.entries[0].reason


def test_an_output_of_the_model_stays():
    inputs = keras.Input(IMAGES)
    x = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    model = keras.Model(inputs, [layers.BatchNormalization()(x), x])
    draw_all_weights(model)
    _, plan = assert_folds(model)
    assert plan.entries[0].reason == "the output of conv is the model's too; the output of " + (
        f"{plan.entries[0].path} is the model's"
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
    assert len(entries_of(plan, "folded")) == 2
    assert len(folded.layers) == 3


def test_a_normalization_shared_by_two_convolutions_stays():
    inputs = keras.Input(IMAGES)
    normalization = layers.BatchNormalization()
    x = normalization(layers.Conv2D(4, 3, padding="same", name="first")(inputs))
    x = normalization(layers.Conv2D(4, 3, padding="same", name="second")(x))
    model = keras.Model(inputs, layers.Conv2D(2, 3)(x))
    draw_all_weights(model)
    _, plan = assert_folds(model)
    assert "it is shared, behind first, second" in plan.entries[0].reason


def test_nested_models_are_entered():
    inner = keras.Sequential([keras.Input((8, 7, 4)), layers.BatchNormalization(), LENI()])
    inputs = keras.Input(IMAGES)
    x = inner(layers.Conv2D(4, 3, padding="same")(inputs))
    outer = layers.Conv2D(3, 3)(layers.Add()([x, inputs]))
    model = keras.Model(inputs, outer)
    draw_all_weights(model)
    folded, plan = assert_folds(model)
    assert len(entries_of(plan, "folded")) == 2
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
    assert "training=True" in plan.entries[0].reason


def test_an_activation_inside_the_convolution_stands_between():
    convolution = layers.Conv2D(4, 3, activation="silu", name="conv")
    _, plan = assert_folds(model_of(convolution, layers.BatchNormalization(), layers.ReLU()))
    assert "conv ends in its own silu" in plan.entries[0].reason


def test_subclasses_are_left():
    class Own(layers.BatchNormalization):
        pass

    model = model_of(layers.Conv2D(4, 3), Own())
    plan = plan_folding(model)
    assert "Own may do anything" in plan.entries[0].reason


def test_another_axis_is_left():
    model = model_of(layers.Conv2D(4, 3), layers.BatchNormalization(axis=1), layers.ReLU())
    _, plan = assert_folds(model)
    assert "on another axis" in plan.entries[0].reason


def test_another_dtype_is_left():
    normalization = layers.BatchNormalization(dtype="float32")
    model = model_of(layers.Conv2D(4, 3, dtype="mixed_bfloat16"), normalization, layers.ReLU())
    _, plan = assert_folds(model, tolerance=1e-6)
    assert "another dtype" in plan.entries[0].reason


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
    assert not [entry for entry in plan.entries if entry.kind != "LENI" and entry.action == "left"]


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


def test_on_off_relu_lets_batch_normalization_go():
    stack = [layers.Conv2D(4, 3), layers.BatchNormalization(), OnOffReLU(), layers.Conv2D(4, 3)]
    folded, _ = assert_folds(model_of(*stack))
    assert len(folded.layers) == 3


def test_the_report(capsys):
    model = cifar_resnet(8, activation="leni", width=4)
    draw_all_weights(model)
    folded = fold_for_inference(model)
    assert "batch normalization: 7 folded" in capsys.readouterr().out
    plan = plan_folding(model)
    assert plan.report.parameters == (model.count_params(), folded.count_params())
    assert plan.report.layers == (len(model.operations) - 1, len(folded.operations) - 1)
    assert json.loads(json.dumps(plan.to_dict()))["entries"][0]["into"] == "stem_conv"
    text = str(plan)
    for entry in plan.entries:
        assert entry.path in text
        assert entry.reason in text


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
    assert {entry.kind for entry in plan.entries} == {"LENI"}
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
