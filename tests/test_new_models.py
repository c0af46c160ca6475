"""Loops over networks tell nothing of TensorFlow's about functions that are traced again."""

import logging

from keras_negact._new_models import new_models
from tests.support.backends import tensorflow_only

pytestmark = tensorflow_only


def trace_again(function):
    """As it is counted where a new network takes the place of the last one."""
    import tensorflow as tf

    step = tf.function(function)
    for number in range(6):
        step(number)


def test_a_new_network_in_every_run_is_no_retracing(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tensorflow"), "propagate", True)
    trace_again(lambda x: x + 1)
    assert "triggered tf.function retracing" in caplog.records[0].getMessage()
    caplog.clear()
    with new_models():
        trace_again(lambda x: x + 2)
        logging.getLogger("tensorflow").warning("something else")
    assert [record.getMessage() for record in caplog.records] == ["something else"]
    trace_again(lambda x: x + 3)
    assert "triggered tf.function retracing" in caplog.records[1].getMessage()
