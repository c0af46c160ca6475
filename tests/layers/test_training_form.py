"""LENI has another form in training than in inference: one function, the same gradients."""

import numpy as np
import pytest
from keras import ops

from tests.support.gradients import gradients
from tests.support.leni_cases import with_drawn_weights


@pytest.mark.parametrize("arguments", [{}, {"use_bias": True}, {"compression": "sum"}], ids=str)
def test_training_form_equals_the_other(arguments):
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3))
    x[:, ::2] = 0
    layer = with_drawn_weights(x.shape, dtype="float64", **arguments)
    found = []
    for training in (False, True):
        found.append(
            gradients(
                lambda x, t=training: ops.sum(ops.sin(layer(x, training=t))), x, layer.weights
            )
        )
        found[-1][1].append(np.asarray(layer(ops.convert_to_tensor(x), training=training)))
    (by_inputs, others), (training_by_inputs, training_others) = found
    np.testing.assert_allclose(by_inputs, training_by_inputs, rtol=1e-9, atol=1e-12)
    for one, other in zip(others, training_others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
