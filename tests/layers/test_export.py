"""Exported networks give the outputs of the network in Keras."""

import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU, RetinalOpponency
from tests.support.backends import tensorflow_only
from tests.support.leni_cases import draw_weights

pytestmark = tensorflow_only

IMAGES = np.random.default_rng(0).uniform(-1, 1, size=(1, 8, 8, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    """One network with all of them, so that each format is written once."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    blocks = [
        LENI(),
        LENI(transform="pointwise", compression="pointwise", groups=2),
        LENI(normalization="batch", activation="silu", compression=None),
        OnOffReLU(max_value=6),
    ]
    features = [RetinalOpponency()(inputs), *(block(x) for block in blocks)]
    model = keras.Model(inputs, keras.layers.Concatenate()(features))
    draw_weights(model)
    return model


def assert_same(outputs, model):
    expected = model.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)


def test_saved_model(model, tmp_path):
    import tensorflow as tf

    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    assert_same(loaded.serve(IMAGES), model)


def test_onnx(model, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    path = tmp_path / "model.onnx"
    model.export(path, format="onnx", verbose=False)
    session = runtime.InferenceSession(path)
    (name,) = (argument.name for argument in session.get_inputs())
    assert_same(session.run(None, {name: IMAGES})[0], model)


def test_litert(model, tmp_path):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    path = tmp_path / "model.tflite"
    model.export(path, format="litert", verbose=False)
    interpreter = litert.Interpreter(str(path))
    interpreter.allocate_tensors()
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(inputs["index"], IMAGES)
    interpreter.invoke()
    assert_same(interpreter.get_tensor(outputs["index"]), model)
