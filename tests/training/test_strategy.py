"""Which strategy is picked, and what is refused."""

import pytest
import tensorflow as tf

from keras_negact.training import make_strategy
from tests.support.processes import finish, start


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


@pytest.mark.parametrize("arguments", [(), ("none",), ("none", 1), ("auto", 1)])
def test_one_device_gives_the_default_strategy(arguments, capsys):
    if tf.config.list_physical_devices("GPU") and not arguments:
        pytest.skip("picks the GPUs that are here")
    assert make_strategy(*arguments) is tf.distribute.get_strategy()
    assert "Strategy: none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("horovod",), "must be one of auto, none, mirrored, multi_worker"),
        (("mirrored", 0), "positive integer"),
        (("mirrored", 2.0), "positive integer"),
        (("none", 2), "one replica"),
        (("multi_worker",), "needs `TF_CONFIG`"),
    ],
)
def test_refuses_what_is_impossible(arguments, what):
    with pytest.raises(ValueError, match=what):
        make_strategy(*arguments)


def test_more_replicas_than_gpus(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    with pytest.raises(ValueError, match="There are 1 GPUs"):
        make_strategy("mirrored", 2)


def test_logical_devices_before_and_after_tensorflow_is_in_use():
    script = """
import tensorflow as tf
from keras_negact.training import make_strategy
print(make_strategy("auto", 3).num_replicas_in_sync, "replicas")
tf.constant(1) + 1
print(make_strategy("mirrored", 2).num_replicas_in_sync, "replicas")
try:
    make_strategy("mirrored", 4)
except RuntimeError as error:
    print("refused:", error)
"""
    status, output = finish(start("-c", script))
    assert status == 0, output
    assert "Strategy: mirrored, 3 replicas on CPU:0, CPU:1, CPU:2." in output
    assert "2 replicas\n" in output
    assert "refused: 4 replicas need 4 logical devices" in output
