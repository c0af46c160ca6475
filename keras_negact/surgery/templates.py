"""What a user gives for the new activation, made into one layer for each site."""

import inspect
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from keras_negact import _checks
from keras_negact._activations import doubles_width, is_factory, prelu, resolve_activation
from keras_negact.graph import config_of, copy_operation
from keras_negact.surgery.functions import comes_from_another_library
from keras_negact.surgery.handlers import function_of, rule_of, template_of
from keras_negact.surgery.registry import rule_of_costs
from keras_negact.surgery.same_function import dtype_policy, same_function
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
        template = self.template if self.per_site is None else self._chosen_for(site)
        if template is None:
            return None
        if not isinstance(template, keras.Layer):
            raise ValueError(
                "A callable given as activation must return a Keras layer, or None to leave the "
                f"site as it is. Received for {site.path}: {template!r}"
            )
        if self.shares_slopes:
            template = prelu(site.rank, site.axis)
        config, known = config_of(template), template_of(template)
        if self.per_site is None:
            width = site.channels // 2 if channels == "halve" else site.channels
            config.update(known.arguments(template, site, width))
        if channels == "halve":
            config.update(known.restores(template, site.channels) or {})
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

    def _chosen_for(self, site: Site):
        try:
            return self.per_site(site)
        except Exception as error:
            raise ValueError(
                "A callable given as activation takes a site, and returns a layer or None (a "
                "function of feature maps goes in as `keras.layers.Activation(function)`). "
                f"Received: {self.per_site!r}, which raised at {site.path}: {error!r}"
            ) from error


def _is_function(activation) -> bool:
    """Whether this is a function of feature maps that is known, not one of a site."""
    if comes_from_another_library(activation):
        return callable(activation)
    if not inspect.isroutine(activation):
        return False
    name = getattr(activation, "__name__", "")
    of_keras = [getattr(module, name, None) for module in (keras.activations, keras.ops)]
    return activation in of_keras or keras.saving.get_registered_name(activation) != name


def can_halve(layer: keras.Layer) -> bool:
    """Whether the layer can follow a layer made half as wide."""
    return doubles_width(layer) or template_of(layer).restores(layer, 1) is not None


def _check_is_activation(layer: keras.Layer) -> None:
    """Refuse a layer of Keras that is something else, such as a convolution or a dropout."""
    rule = rule_of(layer)
    is_keras_own = type(layer).__module__.partition(".")[0] == "keras"
    known = rule is not None and not isinstance(layer, keras.layers.Activation)
    if is_keras_own and known and rule.function is None:
        raise _checks.refused("activation", "an activation", layer)


def keeps_function(layer: keras.Layer, site: Site) -> bool:
    """Whether the new layer starts as the site's own function, on its first channels."""
    if template_of(layer).keeps(layer, site):
        return True
    if rule_of_costs(layer) is None:
        return _computes(layer, site)
    function = function_of(layer)
    return function is not None and same_function(function.make(), site)


def _computes(layer: keras.Layer, site: Site) -> bool:
    """Whether a layer of which nothing is known computes the site's function, asked of itself."""
    if site.described.layer is not None:
        return False
    shape = [1] * site.rank
    shape[0], shape[site.axis] = 17, 2
    x = ops.cast(np.linspace(-8, 8, 34).reshape(shape), layer.compute_dtype)
    try:
        made, expected = copy_operation(layer)(x), keras.activations.get(site.activation)(x)
    except Exception:
        # It was made for other shapes.
        return False
    made, expected = (ops.convert_to_numpy(ops.cast(y, "float32")) for y in (made, expected))
    return bool(np.allclose(np.take(made, [0, 1], site.axis), expected, rtol=1e-4, atol=1e-4))
