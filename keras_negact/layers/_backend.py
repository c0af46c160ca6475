"""What a layer must know of the machine to choose its fastest form."""

import keras


def compiled_by_xla() -> bool:
    """Whether what is being traced now will be compiled by XLA; `False` where that is not known.

    On TensorFlow only a private name knows it: no public one tells a layer whether the graph it is
    traced into is compiled. Seen in TensorFlow 2.21; should it go, layers take their plain form.
    """
    if keras.config.backend() == "jax":
        return True
    if keras.config.backend() != "tensorflow":
        return False
    try:
        import tensorflow as tf
        from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

        return not tf.executing_eagerly() and GraphOrParentsInXlaContext(
            tf.compat.v1.get_default_graph()
        )
    except (ImportError, AttributeError):
        return False


def has_accelerator() -> bool:
    """Whether the backend runs on anything but CPUs."""
    return any(not device.startswith("cpu") for device in keras.distribution.list_devices())
