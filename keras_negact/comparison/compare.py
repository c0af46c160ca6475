"""Every variant of a network, trained from the same seeds."""

import functools
import os
import pathlib
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_negact import _checks, _files
from keras_negact._extras import require
from keras_negact._new_models import new_models
from keras_negact._ownership import owned
from keras_negact.comparison.arguments import (
    check_arguments,
    checked_mode,
    checked_seeds,
    checked_share,
)
from keras_negact.comparison.arrays import ComparisonData
from keras_negact.comparison.before_training import (
    check_data,
    check_trains,
    first_batches,
    in_words,
)
from keras_negact.comparison.checkpoint import Checkpoint, run_name
from keras_negact.comparison.description import SAME_IN_ALL_SEEDS, described, plain
from keras_negact.comparison.progress import Progress
from keras_negact.comparison.results import append_run, differences, read_runs
from keras_negact.comparison.summary import Summary, summarize
from keras_negact.comparison.training_run import (
    Recipe,
    built,
    compiled,
    default_optimizer,
    steps_an_epoch,
    train,
)


def compare_activations(
    variants: Mapping[str, Callable[..., keras.Model]],
    data: ComparisonData | Callable[[int], ComparisonData],
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
    verbose: str | int = 1,
) -> Summary | None:
    """Train every variant from the same seeds on the same data, and say what came of it.

    A seed fixes the initial weights and, where `data` is a function of it, the order and the
    augmentation of the images; they are the same for all variants, so differences are paired by
    seed. Nothing is chosen by the test images: they are read once, when a run ends, but for one
    batch, by which it is seen before that they fit.

    Each finished run is a line in `output_dir/NAME.jsonl`; `summary.md`, `differences.png` and
    `costs.png` are made anew at the end. Call it again with the same arguments after an
    interruption: finished runs are not repeated, and an unfinished one goes on from its last
    checkpoint. Put `*.jsonl` files of other machines into the folder and their runs count.

    Args:
        variants: from a name to a function that builds the model, or a `Variant`; with an argument
            `seed` the function is given that of the run. It makes a new model every time, one more
            than there are runs, since each is tried out first. A model that comes compiled is
            trained and evaluated as it is: optimizer, losses, metrics and all.
            `activation_variants` makes such a dictionary for a network of yours.
        data: with attributes `name`, `train_at` (from an epoch's number to its batches),
            `validation` and `test`, as `load_dataset` returns it; or a function from a seed to
            that, such as `lambda seed: load_dataset("cifar10", 128, seed=seed)` or what
            `array_data` returns. The last three give a `keras.utils.PyDataset`, a
            `tf.data.Dataset` or what else `Model.fit` takes and can be read more than once: no
            iterator, array or list. Batches are `(inputs, targets)` or
            `(inputs, targets, weights)`, each of them an array or a structure of arrays.
        seeds: how many (0, 1, ...), or which.
        epochs: of training.
        output_dir: one folder for each comparison; made if it isn't there.
        reference: the variant that the others are compared to.
        optimizer: for models that do not come compiled: from the number of steps of a run to a new
            optimizer. By default AdamW with warm-up to 3e-3, a cosine and weight decay 0.05, none
            on scales, biases and slopes.
        loss: for models that do not come compiled; by default sparse cross-entropy of logits.
            Unless it is an error of numbers, such as `"mse"`, they are compiled with an accuracy
            too, for binary cross-entropy of logits one with the threshold 0.
        metric: what is compared, by its name in the logs: `"accuracy"`, `"loss"`, or what the
            models were compiled with. An accuracy is refused where targets are no classes, and
            where it compares logits to 0.5.
        mode: `"max"` where more of the metric is better, `"min"` where less is. `None`: `"max"`
            for accuracies, `"min"` for losses and errors; others, such as scores, may need to be
            told.
        evaluate_on: `"test"`, or `"validation"` to leave the test images unread.
        protocol: what else all runs have in common, under names of its own; it is recorded and
            must not change.
        keep_weights: whether to keep the trained weights, in `output_dir/weights`.
        share: `(number, of)`: train one share of the runs, as one of several processes. Processes
            that work in a folder at the same time each take another one, whatever their `name`.
        name: of the file with this call's results, without `.jsonl`; take another one on another
            machine.
        verbose: 0: silent. 1 or `"auto"`: a line for each run, on a terminal with the epoch that
            it is at. 2: Keras's lines too.

    Returns:
        The `Summary` of all runs in the folder. `None` when this was one share of the runs and the
        reference, in another share, is not finished.

    Raises:
        ValueError: before any training, if an argument is not allowed, a variant cannot be built
            or evaluated on the first batches, the same model or optimizer comes twice, or
            `output_dir` holds runs that were made otherwise.
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
    seeds = checked_seeds(seeds)
    epochs = _checks.integer("epochs", epochs, 1)
    check_arguments(variants, reference, optimizer, protocol)
    share = checked_share(share)
    mode = checked_mode(_checks.text("metric", metric), mode)
    _checks.one_of("evaluate_on", evaluate_on, ("test", "validation"))
    _checks.flag("keep_weights", keep_weights)
    _checks.file_name("name", name)
    if callable(data):
        _checks.function("data", data, arguments=1)
    verbose = _checks.verbosity(verbose)
    require("matplotlib", "plot")
    require("scipy", "data")
    recipe = Recipe(
        epochs=epochs,
        optimizer=optimizer or default_optimizer,
        loss=loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        evaluate_on=evaluate_on,
        metric=metric,
    )
    data_of = functools.lru_cache(maxsize=1)(data) if callable(data) else lambda seed: data
    check_data(data_of(seeds[0]), evaluate_on)
    common = _protocol(data_of(seeds[0]), recipe, mode, protocol)
    output_dir = _checks.writable_folder("output_dir", output_dir)
    _checks.writable_file("name", output_dir / f"{name}.jsonl")
    # Processes that share the work by `share` each own their part of the folder.
    with owned(output_dir, f".owner-{share[0]}-of-{share[1]}"), new_models():
        finished = _finished_runs(output_dir, common)
        wanted = [(variant, seed) for seed in seeds for variant in variants]
        wanted = wanted[share[0] :: share[1]]
        waiting = [run for run in wanted if run not in finished]
        seen: weakref.WeakSet = weakref.WeakSet()
        come_compiled = _check_variants(
            variants, waiting, data_of(seeds[0]), recipe, finished, seen
        )
        _check_used(come_compiled, optimizer=optimizer, loss=loss)
        with Progress(len(wanted), len(wanted) - len(waiting), metric, verbose) as progress:
            for variant, seed in waiting:
                data_of_run = data_of(seed)
                model = built(variants[variant], seed, data_of_run, seen)
                compiled(model, data_of_run, recipe, seen)
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


def _protocol(data, recipe: Recipe, mode: str, protocol: dict[str, Any] | None) -> dict:
    """What all runs have in common, as it is recorded."""
    counts = getattr(data, "counts", {})
    record = {
        "dataset": data.name,
        **{f"{split}_images": count for split, count in counts.items()},
        "epochs": recipe.epochs,
        "steps_per_epoch": steps_an_epoch(data),
        "evaluated_on": recipe.evaluate_on,
        "metric": recipe.metric,
        "mode": mode,
    }
    more = protocol or {}
    taken = [key for key in more if key in record]
    if taken:
        allowed = f"without what is recorded anyway ({', '.join(record)})"
        raise _checks.refused("protocol", allowed, {key: more[key] for key in taken})
    if (recipe.metric, mode) == ("accuracy", "max"):
        # It goes without saying in the records of all versions.
        del record["metric"], record["mode"]
    return plain(record | more)


def _finished_runs(output_dir: pathlib.Path, common: dict[str, Any]) -> dict[tuple, dict]:
    runs = read_runs(output_dir)
    if runs and differences(runs[0]["protocol"], common):
        raise ValueError(
            f"{output_dir} holds runs made under another protocol. There and here: "
            f"{differences(runs[0]['protocol'], common)}. Choose another `output_dir`."
        )
    return {(run["variant"], run["seed"]): run for run in runs}


def _check_variants(variants, waiting, data, recipe, finished, seen) -> list[bool]:
    """Build each variant once, so that one that fails does so now and not after hours.

    Those with nothing left to train too, for they may have changed since.

    Returns:
        For each whether it comes compiled.
    """
    firsts = first_batches(data, recipe) if waiting else {}
    seeds = dict(reversed(waiting))
    come_compiled = []
    for variant, build in variants.items():
        runs = [run for run in finished.values() if run["variant"] == variant]
        seed = seeds[variant] if variant in seeds else runs[0]["seed"] if runs else None
        if seed is None:  # Another share's.
            continue
        try:
            model = built(build, seed, data, seen)
            come_compiled.append(model.compiled)
            compiled(model, data, recipe, seen)
        except Exception as error:
            raise ValueError(f"{variant!r} cannot be built: {in_words(error)}") from error
        _check_same(runs, described(variant, build, seed, data, model))
        if variant in seeds:
            check_trains(variant, model, firsts, data, recipe)
    return come_compiled


def _check_used(come_compiled: list[bool], **given) -> None:
    for name, value in given.items():
        if value is not None and come_compiled and all(come_compiled):
            allowed = "None where all models come compiled, each with one of its own"
            raise _checks.refused(name, allowed, value)


def _check_same(runs: list[dict[str, Any]], now: dict[str, Any]) -> None:
    """Refuse to count runs under a variant's name that were not made as it is now."""
    for run in runs:
        keys = [key for key in SAME_IN_ALL_SEEDS if key in run]
        differing = differences({key: run[key] for key in keys}, {key: now[key] for key in keys})
        if differing:
            raise ValueError(
                f"Finished runs of {now['variant']!r} were made otherwise. There and here: "
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
