"""Every variant of a network, trained from the same seeds."""

import functools
import numbers
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras

from keras_negact import _checks, _files
from keras_negact._extras import require
from keras_negact._new_models import new_models
from keras_negact._ownership import owned
from keras_negact.comparison.checkpoint import Checkpoint, run_name
from keras_negact.comparison.progress import Progress
from keras_negact.comparison.results import append_run, differences, read_runs
from keras_negact.comparison.summary import Summary, summarize
from keras_negact.comparison.training_run import (
    Recipe,
    check_trains,
    compiled,
    default_optimizer,
    described,
    plain,
    steps_an_epoch,
    train,
)


def compare_activations(
    variants: Mapping[str, Callable[..., keras.Model]],
    data: Any,
    seeds: int | Sequence[int] = 5,
    epochs: int = 30,
    output_dir: str | os.PathLike = "runs/comparison",
    reference: str = "relu",
    *,
    optimizer: Callable[[int], keras.Optimizer] | None = None,
    loss: Any = None,
    metric: str = "accuracy",
    mode: str | None = None,
    evaluate_on: str = "test",
    protocol: dict[str, Any] | None = None,
    keep_weights: bool = False,
    share: tuple[int, int] = (0, 1),
    name: str = "runs",
    verbose: int = 1,
) -> Summary | None:
    """Train every variant from the same seeds on the same data, and say what came of it.

    A seed fixes the initial weights and, where `data` is a function of it, the order and the
    augmentation of the images; they are the same for all variants, so differences are paired by
    seed. Nothing is chosen by the test images: they are read once, when a run ends.

    Each finished run is a line in `output_dir/NAME.jsonl`; `summary.md`, `differences.png` and
    `costs.png` are made anew at the end. Call it again with the same arguments after an
    interruption: finished runs are not repeated, and an unfinished one goes on from its last
    checkpoint. Put `*.jsonl` files of other machines into the folder and their runs count.

    Args:
        variants: from a name to a function that builds the model, or a `Variant`; with an argument
            `seed` the function is given that of the run. A model that comes compiled is trained
            and evaluated as it is: optimizer, losses, metrics and all. `activation_variants` makes
            such a dictionary for a network of yours.
        data: with attributes `name`, `train_at` (from an epoch's number to its batches),
            `validation` and `test`, as `load_dataset` returns it; or a function from a seed to
            that, such as `lambda seed: load_dataset("cifar10", 128, seed=seed)` or what
            `array_data` returns. Batches are as `Model.fit` takes them: `(inputs, targets)` or
            `(inputs, targets, weights)`, each of them an array or a structure of arrays.
        seeds: how many (0, 1, ...), or which.
        epochs: of training.
        output_dir: one folder for each comparison; made if it isn't there.
        reference: the variant that the others are compared to.
        optimizer: from the number of steps of a run to an optimizer. By default AdamW with warm-up
            to 3e-3, a cosine and weight decay 0.05, none on scales, biases and slopes.
        loss: by default sparse cross-entropy of logits.
        metric: what is compared, by its name in the logs: `"accuracy"`, `"loss"`, or what the
            models were compiled with.
        mode: `"max"` where more of the metric is better, `"min"` where less is. `None`: `"max"`
            for accuracies, `"min"` for losses and errors; others need to be told.
        evaluate_on: `"test"`, or `"validation"` to leave the test images unread.
        protocol: what else all runs have in common; it is recorded and must not change.
        keep_weights: whether to keep the trained weights, in `output_dir/weights`.
        share: `(number, of)`: train one share of the runs, as one of several processes. Processes
            that work in a folder at the same time each take another one, whatever their `name`.
        name: of the file with this call's results, without `.jsonl`; take another one on another
            machine.
        verbose: 0: silent. 1: a line for each run, on a terminal with the epoch that it is at.
            2: Keras's lines too.

    Returns:
        The `Summary` of all runs in the folder. `None` when this was one share of the runs and the
        reference, in another share, is not finished.

    Raises:
        ValueError: before any training, if an argument is not allowed, a variant cannot be built,
            or `output_dir` holds runs that were made otherwise.
        ImportError: if matplotlib (extra `plot`) or scipy (extra `data`) is missing.

    Examples:
        >>> x, labels = np.eye(4, dtype="float32"), np.array([0, 1, 0, 1])
        >>> data = array_data("four", (x, labels), (x, labels), (x, labels))
        >>> def build():
        ...     hidden = keras.layers.Dense(2, activation="relu")
        ...     return keras.Sequential([keras.Input((4,)), hidden, keras.layers.Dense(2)])
        >>> summary = compare_activations(
        ...     activation_variants(build, ["relu", "leni"]),
        ...     data,
        ...     seeds=1,
        ...     epochs=1,
        ...     output_dir="runs/four",
        ...     verbose=0,
        ... )
        >>> [(one.variant, one.parameters) for one in summary.variants]
        [('relu', 16), ('leni', 22)]
    """
    seeds = _seeds(seeds)
    epochs = _checks.integer("epochs", epochs, 1)
    _check_arguments(variants, reference, optimizer, protocol, share)
    mode = _mode(_checks.text("metric", metric), mode)
    _checks.one_of("evaluate_on", evaluate_on, ("test", "validation"))
    _checks.flag("keep_weights", keep_weights)
    _checks.file_name("name", name)
    if callable(data):
        _checks.function("data", data, arguments=1)
    _checks.one_of("verbose", verbose, (0, 1, 2))
    require("matplotlib", "plot")
    require("scipy", "data")
    recipe = Recipe(
        epochs=epochs,
        optimizer=optimizer or default_optimizer,
        loss=loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        evaluate_on=evaluate_on,
        metric=metric,
    )
    if metric != "accuracy":
        protocol = {"metric": metric, "mode": mode, **(protocol or {})}
    data_of = functools.lru_cache(maxsize=1)(data) if callable(data) else lambda seed: data
    common = _protocol(data_of(seeds[0]), recipe, protocol)
    output_dir = _checks.writable_folder("output_dir", output_dir)
    # Processes that share the work by `share` each own their part of the folder.
    with owned(output_dir, f".owner-{share[0]}-of-{share[1]}"), new_models():
        finished = _finished_runs(output_dir, common)
        wanted = [(variant, seed) for seed in seeds for variant in variants]
        wanted = wanted[share[0] :: share[1]]
        waiting = [run for run in wanted if run not in finished]
        _check_variants(variants, waiting, data_of, recipe, finished)
        with Progress(len(wanted), len(wanted) - len(waiting), metric, verbose) as progress:
            for variant, seed in waiting:
                data_of_run = data_of(seed)
                model = compiled(variants[variant], seed, data_of_run, recipe)
                about = described(variant, variants[variant], seed, data_of_run, model)
                about["protocol"] = common
                checkpoint = Checkpoint(output_dir / "unfinished", variant, seed, about)
                progress.starts(variant, seed, recipe.epochs)
                outcome = train(
                    model, data_of_run, recipe, checkpoint, progress, processes=share[1]
                )
                if keep_weights:
                    path = weights_path(output_dir, variant, seed)
                    path.parent.mkdir(exist_ok=True)
                    model.save_weights(path)
                append_run(output_dir / f"{name}.jsonl", {**about, **outcome})
                checkpoint.remove()
                progress.finishes(outcome[f"{evaluate_on}_{metric}"], outcome["seconds"])
    if (reference, seeds[0]) not in _finished_runs(output_dir, common) and share[1] > 1:
        # Another process is still at it, and will sum up.
        return None
    return _write_summary(output_dir, reference)


def weights_path(output_dir: str | os.PathLike, variant: str, seed: int) -> pathlib.Path:
    """Where `compare_activations(..., keep_weights=True)` keeps the weights of a run."""
    return pathlib.Path(output_dir) / "weights" / f"{run_name(variant, seed)}.weights.h5"


_LARGER_IS_BETTER = ("accuracy", "acc", "auc", "precision", "recall", "iou", "score")
_SMALLER_IS_BETTER = ("loss", "error", "mse", "mae", "rmse", "crossentropy")


def _mode(metric: str, mode: str | None) -> str:
    if mode is not None:
        return _checks.one_of("mode", mode, ("max", "min"))
    last = metric.split("_")[-1]
    if last in _LARGER_IS_BETTER:
        return "max"
    if last in _SMALLER_IS_BETTER:
        return "min"
    allowed = f'"max" or "min", for the name {metric!r} does not say which of two is better'
    raise _checks.refused("mode", allowed, mode)


def _seeds(seeds) -> list[int]:
    if isinstance(seeds, numbers.Integral):
        return list(range(_checks.integer("seeds", seeds, 1)))
    allowed = "how many, at least one, or different non-negative integers"
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise _checks.refused("seeds", allowed, seeds)
    given = list(seeds)
    try:
        checked = [_checks.integer("seeds", seed, 0, 2**32 - 1) for seed in given]
    except ValueError:
        checked = []
    if not checked or len(set(checked)) < len(checked):
        raise _checks.refused("seeds", allowed, given)
    return checked


def _check_arguments(variants, reference, optimizer, protocol, share) -> None:
    if not isinstance(variants, dict) or not variants:
        raise _checks.refused("variants", "a dictionary of functions that build models", variants)
    for variant, build in variants.items():
        if not callable(build):
            raise _checks.refused(f"variants[{variant!r}]", "a function that builds a model", build)
        is_name = isinstance(variant, str) and variant.isprintable() and 0 < len(variant) <= 100
        if not is_name:
            allowed = "a dictionary whose names have 1 to 100 printable characters"
            raise _checks.refused("variants", allowed, variant)
    _checks.one_of("reference", reference, variants)
    if optimizer is not None:
        _checks.function("optimizer", optimizer, arguments=1)
    if protocol is not None:
        _checks.instance("protocol", protocol, dict)
    allowed = "two integers (number, of), the number below the other"
    is_pair = isinstance(share, tuple | list) and len(share) == 2
    if not is_pair or not all(isinstance(one, int) for one in share):
        raise _checks.refused("share", allowed, share)
    if not 0 <= share[0] < share[1]:
        raise _checks.refused("share", allowed, share)


def _protocol(data, recipe: Recipe, protocol: dict[str, Any] | None) -> dict[str, Any]:
    missing = [a for a in ("name", "train_at", "validation", "test") if not hasattr(data, a)]
    if missing:
        allowed = "what `load_dataset` or `array_data` return, or a function from a seed to that"
        raise _checks.refused("data", f"{allowed} (missing: {', '.join(missing)})", data)
    return plain(_record_of_protocol(data, recipe, protocol))


def _record_of_protocol(data, recipe, protocol):
    counts = getattr(data, "counts", {})
    return {
        "dataset": data.name,
        **{f"{split}_images": count for split, count in counts.items()},
        "epochs": recipe.epochs,
        "steps_per_epoch": steps_an_epoch(data),
        "evaluated_on": recipe.evaluate_on,
        **(protocol or {}),
    }


def _finished_runs(output_dir: pathlib.Path, common: dict[str, Any]) -> dict[tuple, dict]:
    runs = read_runs(output_dir)
    if runs and differences(runs[0]["protocol"], common):
        raise ValueError(
            f"{output_dir} holds runs made under another protocol. There and here: "
            f"{differences(runs[0]['protocol'], common)}. Choose another `output_dir`."
        )
    return {(run["variant"], run["seed"]): run for run in runs}


def _check_variants(variants, waiting, data_of, recipe, finished) -> None:
    """Build each variant once, so that one that fails does so now and not after hours."""
    first_seed = {}
    for variant, seed in waiting:
        first_seed.setdefault(variant, seed)
    for variant, seed in first_seed.items():
        build, data = variants[variant], data_of(waiting[0][1])
        model = compiled(build, seed, data, recipe)
        check_trains(model, data, recipe)
        now = described(variant, build, seed, data, model)
        same = next((run for run in finished.values() if run["variant"] == variant), None)
        if same:
            keys = [key for key in ("parameters", "optimizer", "model", "layers") if key in same]
            differing = differences({k: same[k] for k in keys}, {k: now[k] for k in keys})
            if differing:
                raise ValueError(
                    f"Finished runs of {variant!r} were made otherwise. There and here: "
                    f"{differing}. Choose another `output_dir` or another name."
                )


def _write_summary(output_dir: pathlib.Path, reference: str) -> Summary:
    # Processes that share the work may come to this at the same time. Whoever is last finds the
    # runs of all others, if it does not read them before it is its turn.
    with owned(output_dir, ".owner-summary", patience=60.0):
        summary = summarize(output_dir, reference)
        _files.replace(output_dir / "summary.md", summary.to_markdown())
        summary.draw_differences(output_dir / "differences.png")
        summary.draw_costs(output_dir / "costs.png")
    return summary
