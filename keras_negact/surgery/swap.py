"""Swapping the activations of a network: the two public functions."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras

from keras_negact.surgery.new_layers import Trained, new_layers
from keras_negact.surgery.plan import LEFT_BY_CALLER, Plan, make_plan
from keras_negact.surgery.selection import Where
from keras_negact.surgery.templates import Activation


def plan_activation_swap(
    model: keras.Model,
    activation: Activation = "leni",
    where: Where = None,
    channels: str | None = None,
    on_conflict: str | None = None,
    source: Sequence[str] | str | None = None,
    synchronized: bool = False,
    trainable: Trained = None,
    inputs: Any = None,
) -> Plan:
    """Decides how to swap the activations of a network, without building the new network.

    Formula: with `channels="keep"` or `"double"`, and functions kept, the new network computes at
    the start what `model` computes, to rounding. Behind `[on | off]` a kernel becomes `[W; 0]`, for
    a leaky ReLU or a PReLU of slope `a` `[W; -a W]`.

    Args:
        model: a Functional or a built Sequential model, with other such models nested in it. A
            subclassed model is traced, where its `call` can be; the clone is then Functional.
        activation: what to put in. A name (`"leni"`, `"on_off_relu"`, or any of Keras's), a layer
            as a template (each site gets a copy with weights of its own), a layer class (`cls()` at
            each site), a function of Keras or of another library (`tf.nn.relu`), a factory without
            arguments, or any other callable, which is given the site (see `Site`) and returns a
            layer, or `None` to leave the site alone. LENI by name, by class, or as a template whose
            `activation` is `None`, keeps the site's own function in its positive branch; so does
            OnOffReLU whose `max_value` is `None` with the cap of a ReLU6.
        where: which activations. A regular expression or a list of them, matched with `re.search`
            against paths such as `backbone/conv1_relu`; or a callable from a site to a bool. A
            fused activation (`Conv2D(activation="relu")`) has the path of its layer, an operation
            node (`keras.ops.relu(x)`) that of the operation, the model in a `TimeDistributed` one
            below it (`each/frames/relu`). An entry that is a path itself, letter for letter, asks
            for that activation by name, which overrules `source` and takes gates and heads too. So
            can an operation or a layer of your own be asked for that has one input and keeps its
            shape: its function goes on as the positive branch. `None`: all.
        channels: `"keep"`: the width stays. `"double"`: it doubles, and the layers behind follow.
            `"halve"`: the layer before is made half as wide, so that the doubled width is the old
            one; some weights are then fresh, and outputs change. `None`: what the activation does.
        on_conflict: what to do where a new width would meet what cannot follow it, such as a sum
            with a branch of the old width. `"skip"` (or `None`): leave the activation as it was.
            `"compress"`: bring the width back at once, by a 1x1 convolution that starts as
            `[I; 0]`, or as `[I; -a I]`. `"raise"`: a `ValueError`.
        source: names of the functions that count as activations. `None`: the rectifiers and the
            smooth functions like them (relu, relu6, capped_relu, relu_variant, leaky_relu, prelu,
            elu, selu, celu, silu, gelu, gelu_tanh, hard_silu, mish); `gelu_tanh` is what
            `keras.ops.gelu` computes unless told otherwise. Bounded functions only count when
            named. OnOffReLU keeps the function of rectifiers alone; elsewhere it is put in only
            where `source` names the function.
        synchronized: whether to make each `BatchNormalization` that the clone takes over a
            synchronized one; on TensorFlow alone.
        trainable: `None`: new layers are trained where those that they replace were. `"new"`: the
            new layers alone are trained, for fine-tuning a network through its activations. A list:
            `"new"`, and regular expressions for paths of further layers, such as `"^head$"`.
        inputs: for a subclassed model that was not built: `keras.Input`s in the structure that its
            `call` takes.

    Returns:
        A `Plan`: `plan.sites` and `print(plan)` say what happens to each activation, and why;
        `plan.to_dict()` has the same as data; `plan.apply()` builds the new network.

    Raises:
        ValueError: when `model` has no graph that could be read (a subclassed model that cannot be
            traced, or a Sequential one that was never built), `where` matches nothing, an argument
            is unknown or contradicts another, or there is a conflict under `on_conflict="raise"`.

    Source:
        The activations' own papers, see `LENI` and `OnOffReLU`. They do not say how a trained
        network is to be converted: all of that is this package's choice.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3, activation="relu", name="first"),
        ...     keras.layers.Conv2D(2, 3, activation="tanh", name="second"),
        ... ])
        >>> plan = plan_activation_swap(model, "leni")
        >>> [(site.path, site.function, site.action) for site in plan.sites]
        [('first', 'relu', 'swap'), ('second', 'tanh', 'leave')]
    """
    return make_plan(
        model, activation, where, channels, on_conflict, source, synchronized, trainable, inputs
    )


def clone_with_activation(
    model: keras.Model,
    activation: Activation = "leni",
    where: Where = None,
    channels: str | None = None,
    on_conflict: str | None = None,
    source: Sequence[str] | str | None = None,
    synchronized: bool = False,
    trainable: Trained = None,
    inputs: Any = None,
) -> keras.Model:
    """Clones a network, with its weights, with other activations in the place of its own.

    It is `plan_activation_swap(...).apply()`, whose arguments it takes. `model` stays as it is: the
    clone has layers and variables of its own. It takes over weights, `trainable` flags, dtype
    policies, names, nested models, sharing and the compile configuration (without the optimizer's
    state). A subclass of Functional or Sequential comes back as its own class, with what it holds,
    where its constructor takes a graph (`inputs` and `outputs`, `layers`, or `*args`); otherwise as
    a plain one.

    Args:
        model, activation, where, channels, on_conflict, source, synchronized, trainable, inputs:
            as in `plan_activation_swap`.

    Returns:
        The new model.

    Raises:
        ValueError: as in `plan_activation_swap`, and when a layer cannot be made again from its
            config.

    Warns:
        UserWarning: once when activations were skipped for a conflict, once when nothing was
            swapped, once when nothing of the clone is trained, once when it could not be compiled
            as `model` is, and once for all that is gone of subclasses.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3, activation="relu", name="first"),
        ...     keras.layers.Conv2D(2, 3, activation="relu", name="second"),
        ... ])
        >>> clone = clone_with_activation(model, "leni", where="^first$")
        >>> [type(layer).__name__ for layer in clone.layers]
        ['Conv2D', 'LENI', 'Conv2D']
        >>> x = np.linspace(-1, 1, 192).reshape(1, 8, 8, 3)
        >>> bool(np.allclose(model(x), clone(x), atol=1e-6))
        True
    """
    plan = make_plan(
        model, activation, where, channels, on_conflict, source, synchronized, trainable, inputs
    )
    skipped = plan.report.count("skip")
    if skipped:
        warnings.warn(
            f"{skipped} of {len(plan.sites)} activations were left as they are, because their "
            "width could not change. `plan_activation_swap` with the same arguments says which, "
            'and why; on_conflict="compress" swaps them too.',
            stacklevel=2,
        )
    elif not any(site.new_layer for site in plan.sites) and not _was_chosen(plan):
        reasons = dict.fromkeys(site.reason for site in plan.sites)
        why = f": {'; '.join(reasons)}" if reasons else ", because there are none that are known"
        warnings.warn(
            f"None of the {len(plan.sites)} activations of `{model.name}` was swapped{why}. "
            "`where` with its path swaps a gate, a head or a layer of your own, too.",
            stacklevel=2,
        )
    clone = plan.apply()
    new_weights = [weight for layer in new_layers(clone) for weight in layer.weights]
    if trainable is None and new_weights and not clone.trainable_weights:
        warnings.warn(
            f"Nothing of the clone is trained, as nothing of `{model.name}` is. "
            '`trainable="new"` trains the new layers.',
            stacklevel=2,
        )
    return clone


def _was_chosen(plan: Plan) -> bool:
    """Whether the caller's own function left activations as they are."""
    return any(site.reason == LEFT_BY_CALLER for site in plan.sites)
