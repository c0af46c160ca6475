"""Whole networks in the runtimes that they are deployed to, folded and not."""

import subprocess
import sys

import numpy as np
import pytest

from keras_negact import LENI, fold_for_inference
from keras_negact.models import cifar_resnet
from tests.support.backends import tensorflow_only
from tests.support.digits import digits, trained_leni_network
from tests.support.folding import draw_all_weights
from tests.support.runtimes import RUNTIMES, run_litert_file

pytestmark = tensorflow_only


def network(activation):
    model = cifar_resnet(8, (16, 16, 3), activation=activation, width=4)
    draw_all_weights(model)
    return model


def images(count, size=16):
    return np.random.default_rng(count).normal(size=(count, size, size, 3)).astype("float32")


def assert_exports(model, runtime, folder):
    """In batches of two sizes, of which the export was told neither."""
    for count in (1, 3):
        x = images(count)
        expected = model.predict(x, verbose=0)
        outputs = RUNTIMES[runtime](model, x, folder)
        assert np.abs(outputs - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_folded_network(runtime, tmp_path):
    model = network(LENI(normalization="batch", kernel_gain=3.0))
    assert_exports(fold_for_inference(model, verbose=False), runtime, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("activation", ["leni", "on_off_relu"])
@pytest.mark.parametrize("folded", [False, True], ids=["as it is", "folded"])
def test_every_network(activation, folded, runtime, tmp_path):
    model = network(activation)
    if folded:
        model = fold_for_inference(model, verbose=False)
    assert_exports(model, runtime, tmp_path)


LOAD_AND_RUN = """
import sys
import keras, numpy as np
import keras_negact
model = keras.saving.load_model(sys.argv[1] + "/folded.keras")
x = np.load(sys.argv[1] + "/x.npy")
np.save(sys.argv[1] + "/y.npy", model.predict(x, verbose=0))
"""


def test_a_folded_network_loads_where_the_package_is_imported(tmp_path):
    model = network(LENI(normalization="batch"))
    folded = fold_for_inference(model, verbose=False)
    folded.save(tmp_path / "folded.keras")
    x = images(2)
    np.save(tmp_path / "x.npy", x)
    subprocess.run([sys.executable, "-c", LOAD_AND_RUN, str(tmp_path)], check=True)
    expected = model.predict(x, verbose=0)
    outputs = np.load(tmp_path / "y.npy")
    assert np.abs(outputs - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.fixture(scope="module")
def trained():
    images, labels, test_images, test_labels = digits()
    model = trained_leni_network(images, labels)
    accuracy = np.mean(model.predict(test_images, verbose=0).argmax(-1) == test_labels)
    assert accuracy > 0.95
    kernels = [np.abs(layer.kernel).max() for layer in model.layers if isinstance(layer, LENI)]
    assert min(kernels) > 0.01
    return model, images, test_images


@pytest.mark.parametrize(
    "folded",
    [pytest.param(False, marks=pytest.mark.slow), True],
    ids=["as it is", "folded"],
)
def test_int8_keeps_the_answers(folded, trained, tmp_path):
    """Weights, feature maps, inputs and outputs in int8."""
    model, training_images, test_images = trained
    deployed = fold_for_inference(model, verbose=False) if folded else model
    content = quantized(deployed, training_images[:200])
    answers = run_litert_file(content, test_images).argmax(-1)
    expected = model.predict(test_images, verbose=0).argmax(-1)
    assert np.mean(answers == expected) >= 0.98


def quantized(model, representative) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in representative)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def test_folding_keeps_a_trained_network(trained):
    model, _, test_images = trained
    expected = model.predict(test_images, verbose=0)
    outputs = fold_for_inference(model, verbose=False).predict(test_images, verbose=0)
    assert np.abs(outputs - expected).max() <= 1e-4 * np.abs(expected).max()
