import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU
from keras_negact.models import cifar_resnet
from tests.support.backends import tensorflow_only


def trained_parameters(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def parameters_by_the_paper(depth, channels, num_classes, width=16):
    """Convolutions, two batch normalization weights a channel, and the dense layer."""
    blocks = (depth - 2) // 6
    convolutions = 9 * channels * width
    normalized = width
    before = width
    for stage_width in (width, 2 * width, 4 * width):
        for _ in range(blocks):
            convolutions += 9 * before * stage_width + 9 * stage_width * stage_width
            normalized += 2 * stage_width
            before = stage_width
    return convolutions + 2 * normalized + before * num_classes + num_classes


def activations_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize(("depth", "channels"), [(8, 3), (20, 3), (20, 1), (32, 3)])
def test_parameters_are_the_papers(depth, channels):
    model = cifar_resnet(depth, input_shape=(32, 32, channels))
    assert trained_parameters(model) == parameters_by_the_paper(depth, channels, num_classes=10)
    assert len(activations_of(model, keras.layers.ReLU)) == depth - 1


def test_shortcuts_subsample_and_add_silent_channels():
    """With silenced residual branches, what is left is the stem seen through the shortcuts."""
    model = cifar_resnet(8, input_shape=(9, 8, 3), num_classes=5, width=4)
    for layer in model.layers:
        if layer.name.endswith("second_norm"):
            layer.gamma.assign(np.zeros(layer.gamma.shape))
    images = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype("float32")
    stem = keras.Model(model.inputs, model.get_layer("stem_norm").output)
    features = np.maximum(stem.predict(images, verbose=0), 0)[:, ::2, ::2][:, ::2, ::2]
    means = np.concatenate([features.mean(axis=(1, 2)), np.zeros((2, 12))], axis=-1)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(
        model.predict(images, verbose=0), means @ kernel + bias, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "activation",
    ["leni", LENI(kernel_size=5), LENI, lambda: LENI(transform=None)],
    ids=["name", "template", "class", "factory"],
)
def test_activation_stands_everywhere_with_weights_of_its_own(activation):
    model = cifar_resnet(8, input_shape=(8, 8, 1), activation=activation)
    blocks = activations_of(model, LENI)
    assert len(blocks) == 7
    assert activations_of(model, keras.layers.ReLU) == []
    assert len({id(block.positive_scale) for block in blocks}) == 7


@pytest.mark.parametrize("activation", ["on_off_relu", LENI(compression=None)])
def test_doubling_activation_stands_only_where_no_sum_reads_it(activation):
    model = cifar_resnet(8, input_shape=(8, 8, 1), activation=activation, width=4)
    doubling = activations_of(model, (OnOffReLU, LENI))
    assert [layer.output.shape[-1] for layer in doubling] == [8, 16, 32, 32]
    assert len(activations_of(model, keras.layers.ReLU)) == 3
    assert model.get_layer("logits").kernel.shape == (32, 10)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["leni", "prelu", "on_off_relu"])
def test_digits_sized_network_trains_and_survives_saving(activation, tmp_path):
    keras.utils.set_random_seed(0)
    model = cifar_resnet(8, input_shape=(8, 8, 1), activation=activation, width=8)
    images = np.random.default_rng(0).normal(size=(16, 8, 8, 1)).astype("float32")
    labels = np.arange(16) % 10
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Without XLA, which would take longer to compile it than it takes to train.
    model.compile(keras.optimizers.Adam(0.01), loss=loss, jit_compile=False)
    losses = model.fit(images, labels, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        restored.predict(images, verbose=0), model.predict(images, verbose=0)
    )


def test_output_is_logits_in_full_precision():
    model = cifar_resnet(8, input_shape=(8, 8, 1), num_classes=7)
    assert model.output_shape == (None, 7)
    assert model.layers[-1].activation is keras.activations.linear
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = cifar_resnet(8, input_shape=(8, 8, 1), activation="leni")
    finally:
        keras.config.set_dtype_policy(policy)
    assert mixed.get_layer("stage1_block1_first_norm").compute_dtype == "bfloat16"
    assert mixed.output.dtype == "float32"


@pytest.mark.parametrize("synchronized", [False, pytest.param(True, marks=tensorflow_only)])
def test_synchronized_reaches_every_batch_normalization(synchronized):
    model = cifar_resnet(8, input_shape=(8, 8, 1), synchronized=synchronized)
    norms = activations_of(model, keras.layers.BatchNormalization)
    assert len(norms) == 7
    assert {norm.synchronized for norm in norms} == {synchronized}


def test_channels_first_network_has_the_same_weights():
    last = cifar_resnet(8, input_shape=(8, 8, 3), activation="on_off_relu")
    keras.config.set_image_data_format("channels_first")
    try:
        first = cifar_resnet(8, input_shape=(3, 8, 8), activation="on_off_relu")
    finally:
        keras.config.set_image_data_format("channels_last")
    assert [w.shape for w in first.weights] == [w.shape for w in last.weights]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depth": 21}, "`depth`.*Received: 21"),
        ({"depth": 2}, "`depth`.*Received: 2"),
        ({"width": 0}, "`width`.*Received: 0"),
        ({"num_classes": 0}, "`num_classes`.*Received: 0"),
        ({"activation": "no_such"}, "no_such"),
    ],
)
def test_arguments_that_are_not_allowed_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        cifar_resnet(**arguments)
