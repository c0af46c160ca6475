"""What a user gives for the new activation, made into one layer for each site."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_negact import _checks
from keras_negact._activations import doubles_width, is_factory, prelu, resolve_activation
from keras_negact.graph import config_of, numpy_copy
from keras_negact.layers._leni_arguments import given_initializers
from keras_negact.layers.leni import LENI
from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.surgery import forms
from keras_negact.surgery.functions import argument_function
from keras_negact.surgery.handlers import function_of, rule_of
from keras_negact.surgery.sites import Site

Activation = str | keras.Layer | type | Callable[[Site], keras.Layer | None]


class Templates:
    """Gives each site its own new layer.

    Args:
        activation: a name, a layer, a layer class, or a callable from a site to a layer or `None`.

    Raises:
        ValueError: when it is none of these.
    """

    def __init__(self, activation: Activation):
        is_class = isinstance(activation, type)
        if is_class and not issubclass(activation, keras.Layer):
            raise ValueError(
                f"The class of an activation must be a Keras layer. Received: {activation}"
            )
        self.per_site = None
        self.template = None
        self.shares_slopes = activation == "prelu"
        if _is_function(activation):
            activation = keras.layers.Activation(activation)
        is_plain = isinstance(activation, (str, keras.Layer)) or is_class
        if callable(activation) and not is_plain and not is_factory(activation):
            self.per_site = activation
        else:
            self.template = resolve_activation(activation)()
            _check_is_activation(self.template)

    @property
    def doubles(self) -> bool:
        """Whether the one template for all sites doubles the width."""
        return self.template is not None and doubles_width(self.template)

    def layer_for(self, site: Site, channels: str) -> keras.Layer | None:
        """The new layer for a site, unbuilt; `None` where the callable leaves the site alone."""
        template = self.template if self.per_site is None else self.per_site(site)
        if template is None:
            return None
        if not isinstance(template, keras.Layer):
            raise ValueError(
                "A callable given as activation must return a Keras layer, or None to leave the "
                f"site as it is. For {site.path} it returned {template!r}"
            )
        if self.shares_slopes:
            template = prelu(site.rank, site.axis)
        config = config_of(template)
        if self.per_site is None:
            config.update(_from_site(template, site))
            if isinstance(template, LENI) and template.transform == "depthwise":
                width = site.channels // 2 if channels == "halve" else site.channels
                config.update(forms.transformation(site.around, config, width))
        if channels == "halve" and _restores_width(template):
            config["filters"] = site.channels
        if "data_format" in config:
            config["data_format"] = site.data_format
        regularizer = getattr(site.layer, "activity_regularizer", None)
        if regularizer is not None:
            config["activity_regularizer"] = regularizer
        config.update(
            name=site.name,
            dtype=keras.dtype_policies.serialize(dtype_policy(site)),
            trainable=getattr(site.layer, "trainable", True),
        )
        return type(template).from_config(config)


def _is_function(activation) -> bool:
    """Whether this is a function of feature maps that Keras knows, not one of a site."""
    if not inspect.isroutine(activation):
        return False
    name = getattr(activation, "__name__", "")
    is_keras = getattr(keras.activations, name, getattr(keras.ops, name, None)) is activation
    return is_keras or keras.saving.get_registered_name(activation) != name


def _from_site(template: keras.Layer, site: Site) -> dict[str, Any]:
    """The site's own function, where the template leaves the function open."""
    if isinstance(template, LENI) and template.activation is None:
        activation = site.activation
        if isinstance(activation, keras.Layer):
            activation.dtype_policy = dtype_policy(site)
        return {"activation": None if activation == "relu" else activation}
    if isinstance(template, OnOffReLU) and template.max_value is None:
        return {"max_value": site.described.max_value}
    return {}


def _restores_width(layer: keras.Layer) -> bool:
    """Whether a pointwise compression can give half of the channels their old number again."""
    return isinstance(layer, LENI) and layer.compression == "pointwise" and layer.filters is None


def can_halve(layer: keras.Layer) -> bool:
    """Whether the layer can follow a layer made half as wide."""
    return doubles_width(layer) or (isinstance(layer, LENI) and layer.compression == "pointwise")


def _check_is_activation(layer: keras.Layer) -> None:
    """Refuse a layer of Keras that is something else, such as a convolution or a dropout."""
    rule = rule_of(layer)
    is_keras_own = type(layer).__module__.partition(".")[0] == "keras"
    known = rule is not None and not isinstance(layer, keras.layers.Activation)
    if is_keras_own and known and rule.function is None:
        raise _checks.refused("activation", "an activation", layer)


def dtype_policy(site: Site) -> keras.DTypePolicy:
    """The policy of the layer that the activation belongs to."""
    policy = getattr(site.layer, "dtype_policy", None)
    if policy is not None and getattr(policy, "quantization_mode", None) is None:
        return policy
    half = site.dtype in ("float16", "bfloat16")
    return keras.DTypePolicy(f"mixed_{site.dtype}" if half else site.dtype)


def keeps_function(layer: keras.Layer, site: Site) -> bool:
    """Whether the new layer starts as the site's own function, on its first channels."""
    if isinstance(layer, OnOffReLU):
        if layer.max_value is None and slopes_of(site) is not None:
            return True
        known = site.function in ("relu", "relu6", "capped_relu")
        return known and layer.max_value == site.described.max_value
    if isinstance(layer, LENI):
        starts_as_keep = layer.start == "keep" or (
            layer.start is None and not given_initializers(layer)
        )
        same_width = layer.filters in (None, site.channels)
        activation = "relu" if layer.activation is None else layer.activation
        return starts_as_keep and same_width and _same_function(activation, site)
    function = function_of(layer)
    return function is not None and _same_function(function.make(), site)


def slopes_of(site: Site) -> tuple | None:
    """`(p, a)` where the site's function is `p relu(x) - a relu(-x)`, per channel or for all."""
    made = site.described.layer or (
        site.described.make() if site.function == "leaky_relu" else None
    )
    if site.function == "leaky_relu":
        return 1.0, float(made.negative_slope)
    if site.function != "prelu" or not made.built:
        return None
    alpha = numpy_copy(made.alpha)
    per_channel = [size for i, size in enumerate(alpha.shape) if i != site.axis - 1]
    if any(size != 1 for size in per_channel):
        return None
    return 1.0, np.broadcast_to(alpha.reshape(-1), site.channels).copy()


def _same_function(activation, site: Site) -> bool:
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


def _identity(layer: keras.Layer) -> dict:
    config = keras.saving.serialize_keras_object(layer)["config"]
    return {key: config[key] for key in config if key not in ("name", "dtype", "trainable")}
