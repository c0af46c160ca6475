"""The strategies themselves: on one device, on several, on several machines, and in JAX."""

import contextlib
import functools
import inspect
import os
import weakref
from collections.abc import Iterator

import keras
import tensorflow as tf

from keras_negact._isolation import OPEN_PORTS, TOLD
from keras_negact.training.cluster import Cluster
from keras_negact.training.watchdog import watching

#: Seconds for which a strategy's worker waits for its peers.
patience: "weakref.WeakKeyDictionary[tf.distribute.Strategy, float]" = weakref.WeakKeyDictionary()


def strategy_of_devices(
    name: str, cluster: Cluster | None, replicas: int | None, timeout: float, verbose: int | str
) -> tf.distribute.Strategy:
    """The strategy for what `make_strategy` was given, whose arguments these are.

    Args:
        cluster: that of `TF_CONFIG`, if there is one.
    """
    if name == "auto":
        name = _pick(cluster, replicas)
    if keras.backend.backend() == "jax":
        return _data_parallel_in_jax(name, replicas, verbose)
    if name == "multi_worker":
        return _multi_worker(cluster, replicas, timeout, verbose)
    if name == "mirrored":
        return _mirrored(replicas, verbose)
    if replicas not in (None, 1):
        raise ValueError(f'The strategy "none" has one replica. Received: replicas={replicas}')
    _say("none, one device", verbose)
    return tf.distribute.get_strategy()


def _pick(cluster: Cluster | None, replicas: int | None) -> str:
    if cluster is not None and len(cluster.workers) > 1:
        return "multi_worker"
    several = _gpus() if replicas is None else replicas
    return "mirrored" if several > 1 else "none"


def _gpus() -> int:
    return len(tf.config.list_physical_devices("GPU"))


def _mirrored(replicas: int | None, verbose: int | str) -> tf.distribute.Strategy:
    gpus = _gpus()
    replicas = replicas or gpus or 1
    if gpus:
        if replicas > gpus:
            raise ValueError(f"There are {gpus} GPUs. Received: replicas={replicas}")
        devices = [f"GPU:{index}" for index in range(replicas)]
    else:
        _divide_cpu(replicas)
        devices = [f"CPU:{index}" for index in range(replicas)]
    strategy = tf.distribute.MirroredStrategy(devices)
    _say(f"mirrored, {replicas} replicas on {', '.join(devices)}", verbose)
    return strategy


def _divide_cpu(replicas: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    configured = tf.config.get_logical_device_configuration(cpu) or []
    if len(configured) >= replicas or replicas == 1:
        return
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * replicas
        )
    except RuntimeError as error:
        raise RuntimeError(
            f"{replicas} replicas need {replicas} logical devices of the CPU, and TensorFlow has "
            f"already been used with {max(len(configured), 1)}. "
            "Call `make_strategy` before everything else."
        ) from error


def _multi_worker(
    cluster: Cluster | None, replicas: int | None, timeout: float, verbose: int | str
) -> tf.distribute.Strategy:
    if cluster is None:
        raise ValueError(
            'The strategy "multi_worker" needs `TF_CONFIG`, which is not set. '
            "`python -m keras_negact.launch --workers 2 SCRIPT` sets it on this machine."
        )
    if replicas not in (None, _gpus() or 1):
        raise ValueError(
            "The workers use all the GPUs that they see, or the CPU as one device: leave out "
            f"`replicas` and set CUDA_VISIBLE_DEVICES instead. Received: replicas={replicas}"
        )
    if len(cluster.workers) == 1:
        # No peers, and no server for them.
        return _mirrored(replicas, verbose)
    cluster.require_bindable()
    is_chief = cluster.index == 0
    if is_chief and verbose and TOLD not in os.environ:
        print(
            f"{OPEN_PORTS} A private network or a firewall keeps others out (docs/distributed.md).",
            flush=True,
        )
    with watching(cluster, timeout, joining=True), _heartbeats_within(timeout):
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    # With this, `fit` watches the peers while it trains.
    patience[strategy] = timeout
    if is_chief:
        _say(
            f"multi_worker, {len(cluster.workers)} workers with "
            f"{strategy.num_replicas_in_sync // len(cluster.workers)} replicas each",
            verbose,
        )
    return strategy


@contextlib.contextmanager
def _heartbeats_within(seconds: float) -> Iterator[None]:
    """Let TensorFlow's coordination service, if it is made meanwhile, wait so long for a heartbeat.

    By itself it takes a worker for lost that got no turn for ten seconds, as on a machine with much
    else to do. No public name sets it. Where the one used here is gone, the ten seconds stay.
    """
    try:
        from tensorflow.python.eager.context import context

        configure = context().configure_coordination_service
        is_known = "heartbeat_timeout_in_ms" in inspect.signature(configure).parameters
    except (ImportError, AttributeError):
        is_known = False
    if not is_known:
        yield
        return
    milliseconds = max(1, round(1000 * seconds))
    context().configure_coordination_service = functools.partial(
        configure, heartbeat_timeout_in_ms=milliseconds
    )
    try:
        yield
    finally:
        del context().configure_coordination_service


def _data_parallel_in_jax(
    name: str, replicas: int | None, verbose: int | str
) -> tf.distribute.Strategy:
    if name == "multi_worker":
        raise ValueError('The strategy "multi_worker" needs the TensorFlow backend; this is JAX.')
    import jax

    if replicas is not None and _gpus() == 0:
        # Has no effect once JAX has been used; then the check below speaks.
        jax.config.update("jax_num_cpu_devices", replicas)
    devices = keras.distribution.list_devices()
    wanted = 1 if name == "none" else replicas or len(devices)
    if wanted > len(devices):
        raise ValueError(f"JAX has {len(devices)} devices. Received: replicas={replicas}")
    if wanted > 1:
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices[:wanted], auto_shard_dataset=False)
        )
    what = f"data parallel in JAX, {wanted} replicas" if wanted > 1 else "none, one device"
    _say(what, verbose)
    return tf.distribute.get_strategy()


def _say(what: str, verbose: int | str) -> None:
    if verbose:
        print(f"Strategy: {what}.", flush=True)
