"""Whether an activation computes the function of a site, and what that function looks like."""

import inspect
from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_negact.graph import numpy_copy
from keras_negact.surgery.functions import argument_function

if TYPE_CHECKING:
    from keras_negact.surgery.sites import Site


def same_function(activation, site: "Site") -> bool:
    """Whether `activation`, a name, a function or a layer, is the site's own function."""
    mine, theirs = keras.activations.get(activation), keras.activations.get(site.activation)
    if mine is theirs:
        return True
    if isinstance(mine, keras.Layer) and isinstance(theirs, keras.Layer):
        return type(mine) is type(theirs) and _identity(mine) == _identity(theirs)
    if isinstance(mine, keras.Layer):
        function = argument_function(mine)
        made = function and function.layer is None and keras.activations.get(function.make())
        return made is theirs
    return False


def slopes_of(site: "Site") -> tuple | None:
    """`(p, a)` where the site's function is `p relu(x) - a relu(-x)`, per channel or for all."""
    if site.function == "leaky_relu":
        slope = _slope(keras.activations.get(site.described.make()))
        return None if slope is None else (1.0, float(slope))
    source = site.described.layer
    if site.function != "prelu" or not source.built:
        return None
    alpha = numpy_copy(source.alpha)
    per_channel = [size for i, size in enumerate(alpha.shape) if i != site.axis - 1]
    if any(size != 1 for size in per_channel):
        return None
    return 1.0, np.broadcast_to(alpha.reshape(-1), site.channels).copy()


def _slope(leaky_relu) -> float | None:
    """That of a layer; of a function, whose library may not be Keras, the one it has by default."""
    if isinstance(leaky_relu, keras.Layer):
        return leaky_relu.negative_slope
    parameters = inspect.signature(leaky_relu).parameters
    named = [parameters[name] for name in ("negative_slope", "alpha") if name in parameters]
    return named[0].default if named else None


def dtype_policy(site: "Site") -> keras.DTypePolicy:
    """The policy of the layer that the activation belongs to."""
    policy = getattr(site.layer, "dtype_policy", None)
    if policy is not None and getattr(policy, "quantization_mode", None) is None:
        return policy
    half = site.dtype in ("float16", "bfloat16")
    return keras.DTypePolicy(f"mixed_{site.dtype}" if half else site.dtype)


def _identity(layer: keras.Layer) -> dict:
    config = keras.saving.serialize_keras_object(layer)["config"]
    return {key: config[key] for key in config if key not in ("name", "dtype", "trainable")}
