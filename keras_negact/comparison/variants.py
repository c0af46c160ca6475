"""Variants of a network by the names of their activations."""

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras

from keras_negact import _checks
from keras_negact._activations import prelu, resolve_activation
from keras_negact._compilation import compile_like
from keras_negact.layers.leni import LENI
from keras_negact.layers.on_off_relu import OnOffReLU
from keras_negact.layers.rivals import FunnelReLU
from keras_negact.surgery import plan_activation_swap
from keras_negact.surgery.sites import Site

_LAYERS = {
    "funnel": FunnelReLU,
    "on_off_relu": OnOffReLU,
    "on_off_relu_halved": OnOffReLU,
    "leni": LENI,
}

ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "prelu",
    "elu",
    "silu",
    "gelu",
    "mish",
    "funnel",
    "on_off_relu",
    "on_off_relu_halved",
    "leni",
)
"""Every activation that `activation_variants` knows by name."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """A variant of a network, as `compare_activations` trains it.

    Attributes:
        build: builds the model; where it has an argument `seed`, it is given that of the run.
        activation: what is recorded as its activation. `None`: the function of the model's own
            activation layers, where all have the same.

    Examples:
        >>> def build(seed):
        ...     drop = keras.layers.Dropout(0.5, seed=seed)
        ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), drop])
        >>> variant = Variant(build, activation="none")
        >>> variant(seed=3).layers[-1].seed
        3
    """

    build: Callable[..., keras.Model]
    activation: str | None = None

    def __post_init__(self):
        _checks.function("build", self.build)
        if self.activation is not None:
            _checks.text("activation", self.activation)

    def __call__(self, seed: int | None = None) -> keras.Model:
        """The model."""
        return self.build(seed=seed) if takes_seed(self.build) else self.build()


def takes_seed(build: Callable[..., keras.Model]) -> bool:
    """Whether a function that builds a model wants to know the seed of the run."""
    try:
        return "seed" in inspect.signature(build).parameters
    except ValueError:
        # Some built-in functions do not tell their signature.
        return False


def activation_variants(
    build: Callable[[], keras.Model],
    activations: Sequence[str] | Mapping[str, Any] = ACTIVATIONS,
    fresh: bool = True,
) -> dict[str, Variant]:
    """Make one variant of a network for every activation.

    Every activation of the network that is none of its heads and gates is swapped, by
    `clone_with_activation`; one that would double the width in front of a sum stays as it was.

    | name | what stands at each site |
    |---|---|
    | `relu`, `leaky_relu`, `elu`, `silu`, `gelu`, `mish` | Keras's |
    | `prelu` | one learned slope a channel |
    | `funnel` | `FunnelReLU`: `max(x, BN(depthwise(x)))` |
    | `on_off_relu`, `on_off_relu_halved` | `OnOffReLU`; halved: the layers before half as wide |
    | `leni` | `LENI()` |

    Args:
        build: builds the network, Functional or Sequential, whose activations are then replaced.
            Where it has an argument `seed`, it is given that of the run. If it comes compiled, so
            do its variants.
        activations: which, by name; or your own, from a name to what `clone_with_activation` takes
            for an activation.
        fresh: whether the variant is initialized anew, to be trained from scratch. Else it keeps
            the weights of the network that `build` returns, to be fine-tuned.

    Returns:
        From each name to a `Variant`, as `compare_activations` takes it.

    Raises:
        ValueError: if there is no activation of that name; from a variant, if it cannot be
            compiled as the network is.

    Examples:
        >>> def build():
        ...     convolution = keras.layers.Conv2D(4, 3, activation="relu")
        ...     return keras.Sequential([keras.Input((8, 8, 1)), convolution])
        >>> variants = activation_variants(build, ["relu", "leni"])
        >>> {name: variant().count_params() for name, variant in variants.items()}
        {'relu': 40, 'leni': 84}
    """
    _checks.function("build", build)
    _checks.flag("fresh", fresh)
    if isinstance(activations, Mapping):
        return {
            _checks.text("activations", name): _variant(build, name, given, None, fresh)
            for name, given in activations.items()
        }
    if isinstance(activations, str) or not isinstance(activations, Iterable):
        allowed = "a list of names or a dictionary from names to activations"
        raise _checks.refused("activations", allowed, activations)
    unknown = [name for name in activations if name not in ACTIVATIONS]
    if unknown:
        raise _checks.refused("activations", f"among {', '.join(ACTIVATIONS)}", unknown)
    return {
        name: _variant(build, name, _layer_for_site(name), _channels(name), fresh)
        for name in activations
    }


def _variant(build, name: str, activation, channels: str | None, fresh: bool) -> Variant:
    def from_seed(seed):
        return _swapped(build(seed=seed), activation, channels, fresh)

    def from_nothing():
        return _swapped(build(), activation, channels, fresh)

    return Variant(from_seed if takes_seed(build) else from_nothing, name)


def _channels(name: str) -> str | None:
    return "halve" if name == "on_off_relu_halved" else None


def _swapped(source: keras.Model, activation, channels: str | None, fresh: bool) -> keras.Model:
    model = plan_activation_swap(source, activation, channels=channels).apply()
    if fresh:
        # Only so do kernels behind a doubled width start as their initializers would have it.
        model = keras.models.clone_model(model, recursive=True)
    _compile_as(source, model)
    return model


def _compile_as(source: keras.Model, model: keras.Model) -> None:
    """Refuse a model that could not be compiled as its source is: it would be trained otherwise."""
    if not source.compiled or model.compiled:
        return
    try:
        compile_like(source, model)
    except Exception as error:
        raise _not_compiled(source, f"{type(error).__name__}: {error}") from error
    if not model.compiled:
        raise _not_compiled(source, "it has a `compile` of its own")


def _not_compiled(source: keras.Model, reason: str) -> ValueError:
    return ValueError(
        f"A variant of `{source.name}` cannot be compiled as that is. Register its losses and "
        "metrics by `keras.saving.register_keras_serializable`, or build it without `compile`, "
        f"and compile the variants in functions around them. ({reason})"
    )


def _layer_for_site(name: str) -> Callable[[Site], keras.Layer]:
    def layer(site: Site) -> keras.Layer:
        if name == "prelu":
            return prelu(site.rank, site.axis)
        if name in _LAYERS:
            return _LAYERS[name](data_format=site.data_format)
        return resolve_activation(name)()

    return layer
