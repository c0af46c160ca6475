"""State, copied from a layer to one that was made from it: weights, and what is no weight."""

from collections.abc import Callable, Iterator

import keras
import numpy as np

Value = Callable[[keras.Variable, keras.Variable], np.ndarray | None]


def copy_state(source: keras.Layer, target: keras.Layer, value: Value | None = None) -> None:
    """Give a layer the state of the one that it was made from, as it is now.

    Variables go one to one, copied: an array that two variables share is gone for both when a JAX
    training step donates it. Keras's own `save_own_variables` is not asked, for it merges LoRA into
    the kernel; a class of the user's that has one is.

    Args:
        source, target: the layers; an `activation=` layer may be missing from the target.
        value: for a variable and the one that it goes to, what to assign, where that is not the
            value as it is; `None` for the others.

    Raises:
        ValueError: when the two layers do not have the same weights.
    """
    pairs = list(paired_layers(source, target))
    for old, new in pairs:
        _build_alike(old, new)
    variables = _paired_variables(source, target)
    own = [(old, new) for old, new in pairs if _saves_by_itself(old)]
    if variables is None and not own:
        raise ValueError(
            f"The copy of `{source.name}` ({type(source).__name__}) has {len(target.variables)} "
            f"weights, the layer itself {len(source.variables)}: its config does not say all that "
            "its weights depend on."
        )
    for old, new in variables or ():
        changed = None if value is None else value(old, new)
        new.assign(numpy_copy(old) if changed is None else changed)
    for old, new in own:
        store: dict = {}
        old.save_own_variables(store)
        new.load_own_variables({name: np.array(array) for name, array in store.items()})
    for old, new in pairs:
        _copy_derived(old, new)


def copy_trainable(source: keras.Layer, target: keras.Layer) -> None:
    """Give a layer, and those in it, the flags that say what is trained."""
    for old, new in paired_layers(source, target):
        # Only where it differs: the setter of a layer with layers in it sets all of them.
        if new.trainable != old.trainable:
            new.trainable = old.trainable
    for old, new in _paired_variables(source, target) or ():
        if old.trainable != new.trainable:
            new.trainable = old.trainable


def numpy_copy(variable) -> np.ndarray:
    """The value of a variable, in memory of its own."""
    return np.array(np.asarray(variable))


def paired_layers(source, target) -> Iterator[tuple[keras.Layer, keras.Layer]]:
    """The layer itself and the layers within, each with the target's in the same place."""
    pending, seen = [(source, target)], set()
    while pending:
        old, new = pending.pop(0)
        if old in seen:
            continue
        seen.add(old)
        yield old, new
        theirs = vars(new)
        for name, held in vars(old).items():
            pending += _pairs_within(held, theirs.get(name))


def layers_within(layer: keras.Layer) -> list[keras.Layer]:
    """The layer itself, and those that it holds, at any depth."""
    return [held for held, _ in paired_layers(layer, layer)]


def _pairs_within(old, new) -> list:
    if isinstance(old, keras.Layer):
        return [(old, new)] if isinstance(new, keras.Layer) else []
    if isinstance(old, dict) and isinstance(new, dict):
        return [pair for key in old if key in new for pair in _pairs_within(old[key], new[key])]
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)) and len(old) == len(new):
        return [pair for x, y in zip(old, new, strict=True) for pair in _pairs_within(x, y)]
    return []


def _paired_variables(source: keras.Layer, target: keras.Layer) -> list[tuple] | None:
    """Each variable with the target's in its place; `None` where there is not one for each.

    By their names, where these tell them apart: a layer that was quantized after it was built has
    its variables in another order than one that was quantized from the start.
    """
    olds, news = _variables(source, target), target.variables
    if len(olds) != len(news):
        return None
    if [old.name for old in olds] != [new.name for new in news]:
        places, names = _names_within(source, olds), _names_within(target, news)
        if len(set(names)) == len(names) and set(names) == set(places):
            of_name = dict(zip(names, news, strict=True))
            news = [of_name[name] for name in places]
    return list(zip(olds, news, strict=True))


def _names_within(layer: keras.Layer, variables: list) -> list[str]:
    return [variable.path.rpartition(f"{layer.name}/")[2] for variable in variables]


def _variables(source: keras.Layer, target: keras.Layer) -> list:
    """The source's, without those of an `activation=` layer that the target does not have."""
    inner = getattr(source, "activation", None)
    if not isinstance(inner, keras.Layer) or isinstance(
        getattr(target, "activation", None), keras.Layer
    ):
        return source.variables
    gone = inner.variables
    return [v for v in source.variables if not any(v is other for other in gone)]


def _build_alike(old: keras.Layer, new: keras.Layer) -> None:
    """Some layers within make their weights at the first real call only, LoRA's on demand."""
    if old.built and not new.built and old.get_build_config() is not None:
        new.build_from_config(old.get_build_config())
    mode = getattr(old, "quantization_mode", None)
    if mode is not None and new.quantization_mode is None:
        # The config of a layer around it says nothing of that.
        new.quantize(mode, config=getattr(old, "quantization_config", None))
    if getattr(old, "lora_enabled", False):
        if not new.lora_enabled:
            new.enable_lora(old.lora_rank, lora_alpha=old.lora_alpha)
        # `build` enables it without.
        new.lora_alpha = old.lora_alpha


def _saves_by_itself(layer: keras.Layer) -> bool:
    """Whether a class that is not Keras's says how its variables are saved."""
    return not is_keras(type(layer).save_own_variables.__module__)


def is_keras(module: str | None) -> bool:
    """Whether a module, which not every function has, is Keras's own."""
    return module is not None and module.split(".")[0] == "keras"


_CALIBRATED = ("is_gptq_calibrated", "is_awq_calibrated")


def _copy_derived(old: keras.Layer, new: keras.Layer) -> None:
    """What some layers keep beside their variables, by public names."""
    for name in _CALIBRATED:
        if hasattr(old, name):
            setattr(new, name, getattr(old, name))
    if hasattr(old, "lookup_table"):
        _copy_vocabulary(old, new)
    elif hasattr(old, "bin_boundaries"):
        bins = old.bin_boundaries
        new.bin_boundaries = None if bins is None else np.array(bins).tolist()
    elif hasattr(new, "finalize_state") and new.variables:
        new.finalize_state()
    for state, copied in zip(recurrent_states(old), recurrent_states(new), strict=True):
        copied.assign(numpy_copy(state))


def recurrent_states(layer: keras.Layer) -> list[keras.Variable]:
    """What a stateful recurrent layer remembers from batch to batch: among no layer's variables."""
    if not getattr(layer, "stateful", False):
        return []
    states = keras.tree.flatten(getattr(layer, "states", None))
    return [state for state in states if isinstance(state, keras.Variable)]


def _copy_vocabulary(old: keras.Layer, new: keras.Layer) -> None:
    # With the special tokens in front, none of the others can be taken for one of them.
    vocabulary = old.get_vocabulary(include_special_tokens=True)
    if int(old.lookup_table.size()) == 0:
        return
    weights = {}
    if old.output_mode == "tf_idf":
        # With `pad_to_max_tokens` there are more of them than words.
        weights["idf_weights"] = np.array(old.idf_weights_const)[: len(vocabulary)]
    new.set_vocabulary(vocabulary, **weights)


def copy_vocabularies(source: keras.Layer, target: keras.Layer) -> None:
    """The part of the state that shapes depend on, which a layer needs before its first call."""
    for old, new in paired_layers(source, target):
        if hasattr(old, "lookup_table"):
            _copy_vocabulary(old, new)
