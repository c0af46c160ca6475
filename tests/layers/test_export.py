"""Exported networks give the outputs of the network in Keras."""

import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU, RetinalOpponency, fold_for_inference
from tests.support.backends import jax_only, tensorflow_only, to_numpy
from tests.support.leni_cases import draw_weights

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


@tensorflow_only
def test_saved_model(model, tmp_path):
    import tensorflow as tf

    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    assert_same(loaded.serve(IMAGES), model)


@tensorflow_only
def test_onnx(model, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    path = tmp_path / "model.onnx"
    model.export(path, format="onnx", verbose=False)
    session = runtime.InferenceSession(path)
    (name,) = (argument.name for argument in session.get_inputs())
    assert_same(session.run(None, {name: IMAGES})[0], model)


@tensorflow_only
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


@tensorflow_only
@pytest.mark.parametrize("max_value", [None, 6])
def test_litert_knows_all_operations_of_on_off_relu(tmp_path, max_value):
    """With a batch of unknown size: what computes shapes is refused by delegates on GPUs."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    model = keras.Sequential([keras.Input((8, 8, 4)), OnOffReLU(max_value=max_value)])
    model.export(tmp_path / "pair.tflite", format="litert", verbose=False)
    interpreter = litert.Interpreter(str(tmp_path / "pair.tflite"))
    found = {operation["op_name"] for operation in interpreter._get_ops_details()}
    wanted = {"CONCATENATION", "NEG", "RELU" if max_value is None else "RELU6"}
    assert found - {"DELEGATE"} == wanted


@tensorflow_only
def test_causal_block_folds_and_is_exported(tmp_path):
    import tensorflow as tf

    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            keras.layers.Conv1D(4, 3, padding="causal"),
            keras.layers.BatchNormalization(),
            LENI(padding="causal", start="random", kernel_gain=2.0),
            keras.layers.Conv1D(4, 3, padding="causal"),
        ]
    )
    draw_weights(model)
    signal = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("float32")
    expected = model.predict(signal, verbose=0)
    folded = fold_for_inference(model, verbose=False)
    np.testing.assert_allclose(folded.predict(signal, verbose=0), expected, rtol=1e-4, atol=1e-4)
    folded.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(loaded.serve(signal), expected, rtol=1e-4, atol=1e-4)


@jax_only
@pytest.mark.parametrize("layer", [LENI(start="random"), OnOffReLU(), RetinalOpponency()])
def test_jax_with_unknown_sizes(tmp_path, layer):
    tf = pytest.importorskip("tensorflow")
    model = keras.Sequential([keras.Input((None, None, 3)), layer])
    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    for size in (8, 13):
        images = np.random.default_rng(0).normal(size=(3, size, size + 1, 3)).astype("float32")
        np.testing.assert_allclose(
            loaded.serve(images), to_numpy(model(images)), rtol=1e-4, atol=1e-5
        )
