"""Which strategy is picked, and what is refused."""

import json

import pytest
import tensorflow as tf

from keras_negact._isolation import TOLD
from keras_negact.launch import free_ports
from keras_negact.training import Backup, evaluate, fit, make_strategy
from tests.support.processes import finish, start
from tests.support.small_training import largest_difference, small_data, small_model


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


@pytest.mark.parametrize("arguments", [(), ("none",), ("none", 1), ("auto", 1)])
def test_one_device_gives_the_default_strategy(arguments, capsys):
    if tf.config.list_physical_devices("GPU") and not arguments:
        pytest.skip("picks the GPUs that are here")
    assert make_strategy(*arguments) is tf.distribute.get_strategy()
    assert "Strategy: none" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["none", "mirrored"])
def test_is_silent_where_it_is_told_to_be(name, capsys):
    make_strategy(name, 1, verbose=0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("horovod",), "must be one of 'auto', 'none', 'mirrored', 'multi_worker'"),
        ((["mirrored"],), "must be one of"),
        (("mirrored", 0), "`replicas` must be an integer of at least 1"),
        (("mirrored", 2.0), "`replicas` must be an integer"),
        (("mirrored", True), "`replicas` must be an integer"),
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


@pytest.mark.parametrize("timeout", ["5", 0, -5, float("nan"), float("inf"), True])
def test_refuses_other_timeouts(timeout):
    with pytest.raises(ValueError, match=r"`timeout` must be a finite number above 0"):
        make_strategy("none", timeout=timeout)


STRATEGIES = {
    "mirrored": lambda: make_strategy("mirrored", 1),
    "one_device": lambda: tf.distribute.OneDeviceStrategy("CPU:0"),
    "default": lambda: make_strategy("none"),
}


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("backup", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_one_replica_trains(tmp_path, name, backup, shuffle):
    x, y = small_data()
    alone = small_model(dropout=0.0)
    arguments = {"batch_size": 10, "epochs": 2, "verbose": 0, "shuffle": shuffle}
    fit(alone, x, y, validation_split=0.2, **arguments)
    with STRATEGIES[name]().scope():
        model = small_model(dropout=0.0)
    callbacks = [Backup(tmp_path)] if backup else []
    fit(model, x, y, validation_split=0.2, callbacks=callbacks, **arguments)
    assert largest_difference(alone, model) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("told", [False, True])
def test_says_who_reaches_the_ports_where_nobody_else_has(told):
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    script = "from keras_negact.training import make_strategy; make_strategy()"
    processes = [
        start(
            "-c",
            script,
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
            **({TOLD: "1"} if told else {}),
        )
        for index in range(2)
    ]
    outputs = []
    for process in processes:
        status, output = finish(process)
        assert status == 0, output
        outputs.append("listens on all network interfaces without a password" in output)
    # The launcher says it for its workers; of others the first one does.
    assert outputs == [not told, False]


def test_the_heartbeats_of_a_cluster_are_awaited_as_long_as_its_peers():
    """What TensorFlow is told when the strategy is made, with its own default elsewhere."""
    config = {
        "cluster": {"worker": [f"localhost:{port}" for port in free_ports(2)]},
        "task": {"type": "worker", "index": 0},
    }
    script = """
import tensorflow as tf
from tensorflow.python.eager.context import context
from keras_negact.training import make_strategy

class Made(Exception):
    pass

def stop(*_, **__):
    raise Made

# Before it waits for the other worker, which never comes.
context().enable_collective_ops = stop
try:
    make_strategy()
except Made:
    print("told", context().coordination_service.heartbeat_timeout_in_ms, flush=True)
"""
    process = start("-c", script, TF_CONFIG=json.dumps(config), KERAS_NEGACT_TIMEOUT="37.5")
    status, output = finish(process)
    assert status == 0, output
    assert "told 37500" in output


def test_a_cluster_of_one_worker_is_one_machine(monkeypatch, capsys):
    config = {"cluster": {"chief": ["localhost:1"]}, "task": {"type": "chief", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with make_strategy("multi_worker").scope():
        model = small_model()
    assert "Strategy: mirrored, 1 replica" in capsys.readouterr().out
    x, y = small_data()
    assert len(fit(model, x, y, epochs=2, verbose=0).epoch) == 2
    assert evaluate(model, x, y, verbose=0, return_dict=True).keys() == {"loss", "accuracy"}
