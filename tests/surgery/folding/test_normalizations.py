"""Batch normalizations: into which layers they go, and into which not."""

import keras
import pytest
from keras import layers

from keras_negact import OnOffReLU
from keras_negact.surgery import keep_channels, register
from keras_negact.surgery.registry import _OF_LAYERS
from tests.support.backends import to_numpy
from tests.support.folding import IMAGES, assert_folds, model_of, paths_of

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
    assert plan.sites[0].into == model.layers[0].name


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
    assert plan.sites[0].into == model.layers[2].name


def test_batch_normalization_passes_the_global_mean():
    pooling = layers.GlobalAveragePooling2D()
    model = model_of(layers.ReLU(), layers.BatchNormalization(), pooling, layers.Dense(3))
    folded, plan = assert_folds(model)
    assert len(folded.layers) == 3
    assert plan.sites[0].into == model.layers[-1].name


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
        assert plan.sites[0].action == "fold"
    else:
        assert reason in plan.sites[0].reason


def test_a_scale_without_shift_passes_a_border():
    normalization = layers.BatchNormalization(center=False)
    model = model_of(layers.ReLU(), normalization, layers.Conv2D(4, 3, padding="same"))
    normalization.moving_mean.assign(0 * normalization.moving_mean)
    folded, _ = assert_folds(model)
    assert len(folded.layers) == 2


@keras.saving.register_keras_serializable("test_normalizations")
class Affine(layers.Layer):
    """A user's normalization that is a scale and a shift in inference."""

    def build(self, shape):
        self.factor = self.add_weight(shape=shape[-1:], name="gamma")
        self.offset = self.add_weight(shape=shape[-1:], name="offset")

    def call(self, inputs):
        return self.factor * inputs + self.offset


@pytest.fixture
def registered_affine():
    @register(Affine)
    def affine(layer):
        return keep_channels(
            weights={"factor": 0, "offset": 0},
            scale_and_shift=lambda x: (to_numpy(x.factor), to_numpy(x.offset)),
        )

    yield
    _OF_LAYERS.pop(Affine)


def test_a_users_own_normalization_goes_too(registered_affine):
    stack = [layers.Conv2D(5, 3), Affine(), layers.ReLU(), Affine(), layers.Dense(3)]
    folded, plan = assert_folds(model_of(*stack))
    assert paths_of(plan, "fold") == [stack[1].name, stack[3].name]
    assert [type(layer) for layer in folded.layers] == [layers.Conv2D, layers.ReLU, layers.Dense]


def test_on_off_relu_lets_batch_normalization_go():
    stack = [layers.Conv2D(4, 3), layers.BatchNormalization(), OnOffReLU(), layers.Conv2D(4, 3)]
    folded, _ = assert_folds(model_of(*stack))
    assert len(folded.layers) == 3
