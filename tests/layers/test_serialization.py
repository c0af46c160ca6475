"""Configs, copies and files: nothing lost, nothing shared."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU, RetinalOpponency
from keras_negact.layers.rivals import FunnelReLU
from tests.support.backends import to_numpy
from tests.support.leni_cases import VARIANTS, draw_weights

IMAGE = np.random.default_rng(0).uniform(-1, 1, size=(2, 8, 8, 4)).astype("float32")
ALL_ARGUMENTS = {
    "activation": "gelu",
    "transform": "pointwise",
    "kernel_size": (3, 5),
    "transform_groups": 2,
    "normalization": "batch",
    "compression": "pointwise",
    "groups": 2,
    "filters": 6,
    "start": "random",
    "use_bias": True,
    "data_format": "channels_first",
    **{
        f"{part}_{kind}": value
        for part in ("kernel", "scale", "compression", "bias")
        for kind, value in [
            ("initializer", keras.initializers.RandomNormal(stddev=0.3, seed=7)),
            ("regularizer", keras.regularizers.L2(0.1)),
            ("constraint", keras.constraints.MaxNorm(3)),
        ]
    },
    "name": "block",
    "trainable": False,
    "dtype": "mixed_bfloat16",
}


def with_inner_layers():
    return {
        "activation": keras.layers.PReLU(shared_axes=[1, 2]),
        "transform": keras.layers.DepthwiseConv2D(3, padding="same"),
        "normalization": keras.layers.GroupNormalization(2),
    }


def test_config_holds_every_argument():
    layer = LENI(**ALL_ARGUMENTS)
    config = layer.get_config()
    copy = LENI.from_config(config)
    assert copy.get_config() == config
    for name, value in ALL_ARGUMENTS.items():
        if name.endswith(("initializer", "regularizer", "constraint")):
            assert getattr(copy, name).get_config() == value.get_config()
            assert type(getattr(copy, name)) is type(value)
        elif name not in ("activation", "dtype"):
            assert getattr(copy, name) == value
    assert copy.activation is keras.activations.gelu
    assert copy.dtype_policy.name == "mixed_bfloat16"


def test_config_is_plain_json():
    import json

    for arguments in (ALL_ARGUMENTS, with_inner_layers()):
        layer = LENI(**arguments)
        config = json.loads(json.dumps(layer.get_config()))
        assert LENI.from_config(config).get_config() == layer.get_config()


def test_config_is_not_changed_by_building_or_copying():
    layer = LENI(**with_inner_layers())
    before = layer.get_config()
    layer(IMAGE)
    assert layer.get_config() == before
    LENI.from_config(before)
    assert layer.get_config() == before


def test_copy_shares_no_layers():
    layer = LENI(**with_inner_layers())
    copy = LENI.from_config(layer.get_config())
    for name in ("activation", "transform", "normalization"):
        assert getattr(copy, name) is not getattr(layer, name)
        assert type(getattr(copy, name)) is type(getattr(layer, name))


def test_copy_of_a_built_layer_takes_another_number_of_channels():
    layer = LENI(**with_inner_layers())
    layer(IMAGE)
    copy = LENI.from_config(layer.get_config())
    assert copy(np.ones((1, 5, 5, 6), "float32")).shape == (1, 5, 5, 6)


def test_copies_draw_weights_of_their_own():
    for arguments in ({}, {"kernel_initializer": "he_normal"}):
        template = LENI(transform="pointwise", start="random", **arguments)
        copies = [LENI.from_config(template.get_config()) for _ in range(2)]
        kernels = []
        for layer in (template, *copies):
            layer.build(IMAGE.shape)
            kernels.append(to_numpy(layer.kernel))
        assert not np.array_equal(kernels[0], kernels[1])
        assert not np.array_equal(kernels[1], kernels[2])


def test_seeded_initializer_stays_seeded():
    initializer = keras.initializers.HeNormal(seed=3)
    layer = LENI(kernel_initializer=initializer)
    copy = LENI.from_config(layer.get_config())
    layer.build(IMAGE.shape)
    copy.build(IMAGE.shape)
    np.testing.assert_array_equal(to_numpy(layer.kernel), to_numpy(copy.kernel))


LAYERS = {
    **{
        name: (lambda arguments=arguments: LENI(**arguments))
        for name, arguments in VARIANTS.items()
    },
    "normalized": lambda: LENI(normalization="batch"),
    "inner layers": lambda: LENI(**with_inner_layers()),
    "on_off_relu": lambda: OnOffReLU(max_value=1),
}


def model_of(layer):
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, layer(inputs))
    draw_weights(model)
    return model


@pytest.mark.parametrize("name", LAYERS)
def test_files_give_the_same_outputs(name, tmp_path):
    model = model_of(LAYERS[name]())
    expected = to_numpy(model(IMAGE))

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(to_numpy(loaded(IMAGE)), expected)
    assert loaded.layers[-1].get_config() == model.layers[-1].get_config()

    model.save_weights(tmp_path / "model.weights.h5")
    fresh = model_of(LAYERS[name]())
    for weight in fresh.weights:
        weight.assign(np.zeros(weight.shape))
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(to_numpy(fresh(IMAGE)), expected)


@pytest.mark.parametrize("learnable", [False, True])
def test_retina_files_give_the_same_outputs(learnable, tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), RetinalOpponency(2, learnable=learnable)])
    draw_weights(model)
    image = IMAGE[..., :3]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(to_numpy(loaded(image)), to_numpy(model(image)))


IN_A_NEW_PROCESS = """
import sys
import keras
import keras_negact
import numpy as np
model = keras.models.load_model(sys.argv[1] + "/model.keras")
np.save(sys.argv[1] + "/outputs.npy", model.predict(np.load(sys.argv[1] + "/image.npy"), verbose=0))
"""


def test_a_new_process_loads_with_the_package_imported_and_no_custom_objects(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(8, 3)(RetinalOpponency()(inputs))
    x = LENI(normalization="batch", activation=keras.layers.LeakyReLU(0.2))(x)
    model = keras.Model(inputs, OnOffReLU()(LENI(transform=LENI())(x)))
    draw_weights(model)
    image = IMAGE[..., :3]
    np.save(tmp_path / "image.npy", image)
    model.save(tmp_path / "model.keras")
    subprocess.run([sys.executable, "-c", IN_A_NEW_PROCESS, str(tmp_path)], check=True)
    expected = model.predict(image, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy"), expected, rtol=1e-6)


def test_registered_under_the_name_of_the_package():
    for layer_class in (LENI, OnOffReLU, RetinalOpponency):
        registered = keras.saving.get_registered_name(layer_class)
        assert registered == f"keras_negact>{layer_class.__name__}"


def test_what_a_configuration_does_not_say_is_what_the_first_version_had():
    """Later defaults are for new blocks alone."""
    first = {
        "activation": None,
        "transform": "depthwise",
        "kernel_size": 3,
        "kernel_gain": 1.0,
        "padding": "same",
        "normalization": None,
        "compression": "channelwise",
        "start": None,
        "slope": None,
        "use_bias": False,
    }
    config = LENI.from_config({"name": "block"}).get_config()
    assert {name: config[name] for name in first} == first


@pytest.mark.parametrize("kind", [lambda **more: LENI(normalization="batch", **more), FunnelReLU])
def test_a_frozen_normalization_comes_back_frozen(kind, tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 4)), kind()])
    model.layers[0].trainable = False
    model.save(tmp_path / "model.keras")
    for again in (
        keras.saving.load_model(tmp_path / "model.keras"),
        keras.models.clone_model(model),
    ):
        assert not again.trainable_weights
        before = [to_numpy(weight).copy() for weight in again.weights]
        again(IMAGE, training=True)
        for weight, value in zip(again.weights, before, strict=True):
            np.testing.assert_array_equal(to_numpy(weight), value)
