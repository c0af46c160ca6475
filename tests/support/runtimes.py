"""Exported networks, run by the runtimes that they were exported for."""

import numpy as np
import pytest


def run_saved_model(model, images, folder):
    import tensorflow as tf

    path = str(folder / "saved")
    model.export(path, format="tf_saved_model", verbose=False)
    # Its variables live as long as it does.
    loaded = tf.saved_model.load(path)
    return loaded.serve(images).numpy()


def run_onnx(model, images, folder):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    path = str(folder / "model.onnx")
    # Keras exports no model to ONNX that was never called.
    model(images)
    model.export(path, format="onnx", verbose=False)
    session = runtime.InferenceSession(path)
    (argument,) = session.get_inputs()
    return session.run(None, {argument.name: images})[0]


def run_litert(model, images, folder):
    path = folder / "model.tflite"
    model.export(str(path), format="litert", verbose=False)
    return run_litert_file(path.read_bytes(), images)


def run_litert_file(content: bytes, images):
    """Runs a LiteRT model on a batch of its own size; integers in and out are converted."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(
        model_content=content
    )
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(inputs["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(inputs["index"], _quantized(images, inputs))
    interpreter.invoke()
    return _dequantized(interpreter.get_tensor(outputs["index"]), outputs)


def _quantized(values, details):
    if details["dtype"] == np.float32:
        return values
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    steps = np.round(values / scale) + zero
    return np.clip(steps, limits.min, limits.max).astype(details["dtype"])


def _dequantized(values, details):
    if details["dtype"] == np.float32:
        return values
    scale, zero = details["quantization"]
    return (values.astype("float32") - zero) * scale


RUNTIMES = {"tf_saved_model": run_saved_model, "onnx": run_onnx, "litert": run_litert}
