"""`TF_CONFIG`: read when right, refused with the reason when wrong."""

import json
import socket

import pytest
import tensorflow as tf

from keras_negact.training import is_chief, make_strategy
from keras_negact.training.cluster import Cluster, default_timeout, read_cluster

TWO = {"worker": ["a:1", "b:2"]}


def config(cluster=TWO, kind="worker", index=1):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_reads_workers_and_place():
    cluster = read_cluster(config())
    assert cluster == Cluster(("a:1", "b:2"), 1)
    assert cluster.peers == {0: "a:1"}
    assert cluster.address == "b:2"


WITH_CHIEF = {"chief": ["c:9"], "worker": ["a:1", "b:2"], "ps": [], "evaluator": []}


@pytest.mark.parametrize(
    ("cluster", "kind", "index", "place"),
    [
        (WITH_CHIEF, "chief", 0, 0),
        (WITH_CHIEF, "worker", 0, 1),
        (WITH_CHIEF, "worker", "1", 2),
        ({"chief": ["c:9"]}, "chief", 0, 0),
        ({"ps": ["d:4"], **TWO}, "worker", 0, 0),
        ({"ps": ["d:4"], **TWO}, "ps", 0, None),
        (WITH_CHIEF, "evaluator", 0, None),
    ],
)
def test_counts_tasks_as_tensorflow_does(monkeypatch, cluster, kind, index, place):
    environment = config(cluster, kind, index)
    read = read_cluster(environment)
    assert read.index == place
    assert list(read.workers) == [*cluster.get("chief", []), *cluster.get("worker", [])]
    monkeypatch.setenv("TF_CONFIG", environment["TF_CONFIG"])
    assert is_chief() == (place == 0)
    # The oracle: TensorFlow's own reading. It counts a chief and its workers in this order.
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if place is not None:
        spec = resolver.cluster_spec().as_dict()
        assert [*spec.get("chief", []), *spec.get("worker", [])][place] == read.address


@pytest.mark.parametrize("kind", ["ps", "evaluator"])
def test_other_tasks_are_refused_where_a_cluster_is_asked_for_and_there_alone(monkeypatch, kind):
    cluster = {**TWO, "ps": ["d:4"]} if kind == "ps" else TWO
    monkeypatch.setenv("TF_CONFIG", config(cluster, kind, 0)["TF_CONFIG"])
    for name in ("auto", "multi_worker"):
        with pytest.raises(ValueError, match=f"has {kind}"):
            make_strategy(name)
    assert make_strategy("none") is tf.distribute.get_strategy()


@pytest.mark.parametrize("text", ["", "  ", "{}", '{"cluster": {}}', '{"cluster": {"worker": []}}'])
def test_none_where_there_is_no_cluster(text):
    assert read_cluster({"TF_CONFIG": text}) is None
    assert read_cluster({}) is None


@pytest.mark.parametrize(
    ("environment", "what"),
    [
        ({"TF_CONFIG": "{worker"}, "not JSON"),
        ({"TF_CONFIG": "[1]"}, "not an object"),
        (config(cluster={"worker": "a:1"}), "not a list of addresses"),
        (config(cluster={"chief": ["a:1", "b:2"]}, kind="chief"), "several chiefs"),
        (config(cluster={"chief": ["a:1"], "worker": ["a:1", "b:2"]}), "different addresses"),
        (config(cluster={"worker": ["a:1", "a:1"]}), "different addresses"),
        (config(cluster={"worker": ["a:1", "b"]}), "host:port"),
        (config(cluster={"worker": ["a:1", "b:99999"]}), "host:port"),
        (config(cluster={"worker": ["a:1", 7]}), "host:port"),
        (config(kind="chief"), "type is 'chief'"),
        (config(index=2), "index is 2"),
        (config(index=-1), "index is -1"),
        (config(index=None), "index is None"),
        (config(index=True), "index is True"),
        ({"TF_CONFIG": json.dumps({"cluster": TWO})}, "no object `task`"),
    ],
)
def test_malformed_is_refused_with_the_reason_and_an_example(environment, what):
    with pytest.raises(ValueError, match=what) as raised:
        read_cluster(environment)
    assert '"index": 0' in str(raised.value)


def test_chief_is_worker_0_or_the_only_process(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert is_chief()
    monkeypatch.setenv("TF_CONFIG", config(index=0)["TF_CONFIG"])
    assert is_chief()
    monkeypatch.setenv("TF_CONFIG", config(index=1)["TF_CONFIG"])
    assert not is_chief()


def test_address_in_use_is_an_error_at_once(monkeypatch):
    with socket.socket() as busy:
        busy.bind(("", 0))
        busy.listen()
        address = f"localhost:{busy.getsockname()[1]}"
        monkeypatch.setenv(
            "TF_CONFIG", config(cluster={"worker": ["localhost:1", address]})["TF_CONFIG"]
        )
        with pytest.raises(OSError, match=f"Worker 1 can't listen on {address}"):
            make_strategy("multi_worker")


def test_unknown_host_is_an_error_at_once(monkeypatch):
    monkeypatch.setenv(
        "TF_CONFIG",
        config(cluster={"worker": ["localhost:1", "no.such.host.invalid:2"]})["TF_CONFIG"],
    )
    with pytest.raises(OSError, match=r"Worker 1 can't listen on no\.such\.host"):
        make_strategy()


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan", ""])
def test_timeout_must_be_finite_and_positive(monkeypatch, text):
    monkeypatch.setenv("KERAS_NEGACT_TIMEOUT", text)
    with pytest.raises(ValueError, match=r"_TIMEOUT` must be a finite number above 0\. Received"):
        default_timeout()
