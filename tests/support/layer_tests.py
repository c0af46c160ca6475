"""What every layer of the package must do, in one function."""

import keras
import numpy as np

from tests.support.backends import to_numpy


def run_layer_test(layer_class, arguments: dict, input_shape: tuple, output_shape: tuple) -> None:
    """Check shapes, types, configuration, weights, saving and a step of training.

    Args:
        layer_class: the layer's class.
        arguments: of its constructor.
        input_shape, output_shape: with a batch; the output's is what the layer must promise and
            keep.
    """
    x = np.random.default_rng(0).normal(size=input_shape).astype("float32")
    layer = layer_class(**arguments)
    before = layer.get_config()
    symbol = layer(keras.Input(batch_shape=input_shape))
    y = layer(x)
    assert tuple(symbol.shape) == tuple(y.shape) == output_shape
    assert tuple(layer.compute_output_shape(input_shape)) == output_shape
    assert tuple(layer.compute_output_shape((None, *input_shape[1:]))) == (None, *output_shape[1:])
    assert layer.get_config() == before, "building must not change the configuration"
    _check_copy(layer, layer_class, input_shape, x, y)
    _check_half_precision(layer_class, arguments, x, output_shape)
    _check_training(layer_class, arguments, x, output_shape)


def _check_copy(layer, layer_class, input_shape, x, y):
    copy = layer_class.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    copy.build((None, *input_shape[1:]))
    assert [w.shape for w in copy.weights] == [w.shape for w in layer.weights]
    assert [w.name for w in copy.weights] == [w.name for w in layer.weights]
    copy.set_weights(layer.get_weights())
    np.testing.assert_allclose(to_numpy(copy(x)), to_numpy(y), rtol=1e-6, atol=1e-6)


def _check_half_precision(layer_class, arguments, x, output_shape):
    layer = layer_class(**arguments, dtype="mixed_bfloat16")
    y = layer(x)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert tuple(y.shape) == output_shape
    assert all(weight.dtype == "float32" for weight in layer.weights)
    assert np.isfinite(to_numpy(y)).all()


def _check_training(layer_class, arguments, x, output_shape):
    model = keras.Sequential([keras.Input(x.shape[1:]), layer_class(**arguments)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    before = [to_numpy(weight).copy() for weight in model.trainable_variables]
    target = np.random.default_rng(1).normal(size=output_shape).astype("float32")
    # Behind a kernel of zeros a scale has its gradient from the second step on.
    losses = [model.train_on_batch(x, target) for _ in range(2)]
    assert np.isfinite(losses).all()
    moved = [
        np.abs(to_numpy(weight) - old).max() > 0
        for weight, old in zip(model.trainable_variables, before, strict=True)
    ]
    assert all(moved), "every weight has a gradient"
