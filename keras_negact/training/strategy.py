"""The distribution strategy for the devices that are there."""

from typing import TYPE_CHECKING

from keras_negact import _checks
from keras_negact._extras import require
from keras_negact.training.cluster import default_timeout, read_cluster

if TYPE_CHECKING:
    import tensorflow as tf

_NAMES = ("auto", "none", "mirrored", "multi_worker")


def make_strategy(
    name: str = "auto",
    replicas: int | None = None,
    *,
    timeout: float | None = None,
    verbose: str | int = 1,
) -> "tf.distribute.Strategy":
    """Make the strategy under whose `scope()` the model is built and compiled.

    Args:
        name: `"none"`, `"mirrored"` (one machine, several devices), `"multi_worker"` (several
            processes, told by `TF_CONFIG`), or `"auto"`: `"multi_worker"` where `TF_CONFIG` has
            several workers, else `"mirrored"` where there are several GPUs or `replicas` asks for
            several, else `"none"`.
        replicas: number of devices on this machine; `None` takes all GPUs. On a machine without
            GPUs it makes so many logical devices of the CPU, which is for tests, not for speed.
        timeout: seconds after which a worker whose peers never come up, or a peer of which is lost,
            is ended; by default those of the environment variable `KERAS_NEGACT_TIMEOUT`, or 60.
        verbose: 0: print nothing, not even who reaches the ports of a cluster. 1, 2 or `"auto"`:
            say which strategy it is.

    Returns:
        The strategy. On the JAX backend it is always the default one: there several devices are
        used through `keras.distribution.DataParallel`, which is set here.

    Raises:
        ValueError: if the name is unknown, `TF_CONFIG` is malformed, or there are too few devices.
        RuntimeError: if the devices are already in use and can't be divided any more.
        OSError: if the address of this worker can't be listened on.
        ImportError: if TensorFlow is not installed.

    Examples:
        >>> strategy = make_strategy("none")
        Strategy: none, one device.
        >>> with strategy.scope():
        ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        ...     model.compile("sgd", "mse")
    """
    _checks.one_of("name", name, _NAMES)
    if replicas is not None:
        replicas = _checks.integer("replicas", replicas, minimum=1)
    timeout = default_timeout() if timeout is None else _checks.number("timeout", timeout, above=0)
    verbose = _checks.verbosity(verbose)
    cluster = read_cluster()
    if cluster is not None and name in ("auto", "multi_worker"):
        cluster.require_trainable()
    require("tensorflow", "tensorflow")
    from keras_negact.training.tf_strategies import strategy_of_devices

    return strategy_of_devices(name, cluster, replicas, timeout, verbose)
