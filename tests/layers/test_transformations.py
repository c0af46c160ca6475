"""Derivatives of every kind, under every mode of a backend, against differences in NumPy."""

import functools
import math

import keras
import numpy as np
import pytest
from keras import ops

from keras_negact import LENI, OnOffReLU
from tests.support import leni_reference
from tests.support.backends import BACKEND, KEEPS_FLOAT64
from tests.support.gradients import away_from_zero
from tests.support.leni_cases import draw_weights
from tests.support.transformations import MODES, TRANSFORMATIONS, transformed

# Two axes of space cannot do these on PyTorch, and nor can Keras's own convolution, which
# `test_exempt_cells_are_those_of_the_convolution` holds it to.
EXEMPT = {("vmap", "eager"), ("hessian", "eager")} if BACKEND == "torch" else set()
CELLS = [(name, mode) for name in TRANSFORMATIONS for mode in MODES]

CASES = {
    "leni": (LENI, (2, 2, 3, 2), {"use_bias": True, "start": "random"}),
    "leni, causal": (LENI, (2, 4, 1), {"padding": "causal", "kernel_gain": 2.0}),
    "leni, pointwise": (
        LENI,
        (1, 3, 2),
        {"transform": "pointwise", "compression": "pointwise", "groups": 2},
    ),
    "leni, features": (LENI, (2, 3), {"compression": "sum"}),
    "on_off_relu": (OnOffReLU, (2, 2, 3), {}),
}
REFERENCES = {
    LENI: leni_reference.leni,
    OnOffReLU: lambda x, _, **more: leni_reference.on_off_relu(x, **more),
}


class Problem:
    """`sum(u * layer(x) ** 2)` as a function of one vector that holds `x` and all weights."""

    def __init__(self, layer, shape, reference):
        self.layer, self.shape = layer, shape
        random = np.random.default_rng(0)
        layer.build((None, *shape[1:]))
        draw_weights(layer)
        self.names = [weight.name for weight in layer.trainable_variables]
        self.shapes = [shape, *(tuple(weight.shape) for weight in layer.trainable_variables)]
        weights = [np.ravel(ops.convert_to_numpy(w)) for w in layer.trainable_variables]
        self.at = np.concatenate([away_from_zero(random, shape).ravel(), *weights])
        # So short that no point of it is behind a kink, from where it starts or at twice that.
        self.direction = 0.02 * random.uniform(-1, 1, self.at.shape)
        self.upstream = random.normal(size=layer.compute_output_shape(shape))
        self.reference = reference

    def _parts(self, z, reshape):
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])
        starts = [0, *ends[:-1]]
        return [
            reshape(z[a:b], shape) for a, b, shape in zip(starts, ends, self.shapes, strict=True)
        ]

    def function(self, z):
        x, *weights = self._parts(z, ops.reshape)
        in_training = {"training": True} if isinstance(self.layer, LENI) else {}
        y, _ = self.layer.stateless_call(weights, [], x, **in_training)
        return ops.sum(ops.cast(self.upstream, y.dtype) * y * y)

    def in_numpy(self, z):
        x, *weights = self._parts(z, np.reshape)
        y = self.reference(x, dict(zip(self.names, weights, strict=True)))
        return np.sum(self.upstream * y * y)

    def gradient(self, z):
        """Exact but for rounding: along any axis the function is a parabola up to a kink."""
        step = 0.01
        steps = step * np.eye(z.size)
        return np.array([self.in_numpy(z + s) - self.in_numpy(z - s) for s in steps]) / (2 * step)

    def gradient_along(self, direction):
        step = 1e-3
        ahead, behind = (self.gradient(self.at + sign * step * direction) for sign in (1, -1))
        return (ahead - behind) / (2 * step)

    def expected(self, transformation):
        if transformation == "forward":
            return self.gradient(self.at) @ self.direction
        if transformation == "reverse over reverse":
            return self.gradient_along(self.direction)
        if transformation == "vmap":
            points = (self.at, self.at + self.direction, 2 * self.at)
            return np.stack([self.gradient(point) for point in points])
        if transformation == "hessian":
            return np.stack([self.gradient_along(axis) for axis in np.eye(self.at.size)])
        return self.gradient(self.at)


@functools.cache
def problem(name):
    layer_class, shape, arguments = CASES[name]
    layer = layer_class(**arguments, dtype="float64")
    reference = functools.partial(REFERENCES[layer_class], **arguments)
    return Problem(layer, shape, reference)


@functools.cache
def expected(name, transformation):
    return problem(name).expected(transformation)


def _cell(name, transformation, mode):
    # Compiling takes seconds a cell: the fast suite holds the two that once failed.
    fast = transformation in ("reverse over reverse", "forward") and name in ("leni", "on_off_relu")
    return pytest.param(name, transformation, mode, marks=[] if fast else [pytest.mark.slow])


@pytest.mark.parametrize(
    ("name", "transformation", "mode"),
    [
        _cell(name, transformation, mode)
        for name in CASES
        for transformation, mode in CELLS
        if name != "leni" or (transformation, mode) not in EXEMPT
    ],
)
def test_derivatives(name, transformation, mode):
    one = problem(name)
    got = transformed(transformation, mode, one.function, one.at, one.direction)
    wanted = expected(name, transformation)
    assert got.shape == wanted.shape
    tolerance = 1e-7 if KEEPS_FLOAT64 else 1e-5
    np.testing.assert_allclose(
        got, wanted, rtol=tolerance, atol=tolerance * np.abs(wanted).max(), err_msg=name
    )


@pytest.mark.parametrize(("transformation", "mode"), sorted(EXEMPT))
def test_exempt_cells_are_those_of_the_convolution(transformation, mode):
    layer = keras.layers.Conv2D(2, 2, dtype="float64")
    one = Problem(layer, (2, 3, 4, 2), None)
    with pytest.raises(RuntimeError):
        transformed(transformation, mode, one.function, one.at, one.direction)
