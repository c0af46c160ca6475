"""Loops over networks tell nothing of TensorFlow's about functions that are traced again."""

import logging

from keras_negact._new_models import new_models
from tests.support.backends import tensorflow_only

pytestmark = tensorflow_only


def traced_again(times):
    import tensorflow as tf

    @tf.function
    def step(x):
        return x + 1

    # As it is counted where a new network takes the place of the last one.
    for number in range(times):
        step(tf.zeros([number]))
        step(number)


def test_a_new_network_in_every_run_is_no_retracing(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tensorflow"), "propagate", True)
    with new_models():
        traced_again(6)
        logging.getLogger("tensorflow").warning("something else")
    assert [record.getMessage() for record in caplog.records] == ["something else"]
    # Outside of such a loop it is told, so there was something to leave out.
    traced_again(6)
    assert "triggered tf.function retracing" in caplog.records[1].getMessage()
