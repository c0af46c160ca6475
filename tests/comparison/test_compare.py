import contextlib
import dataclasses
import functools
import io
import json
import shutil
import types

import keras
import numpy as np
import pytest

from keras_negact import LENI
from keras_negact.comparison import (
    Summary,
    activation_variants,
    compare_activations,
    read_runs,
    training_run,
)
from keras_negact.comparison import checkpoint as checkpoint_module
from keras_negact.comparison.compare import weights_path
from tests.support.comparisons import made_up_run, tiny_data, tiny_network

FIELDS = {
    "activation",
    "variant",
    "seed",
    "model",
    "dataset",
    "test_accuracy",
    "validation_accuracy",
    "train_accuracy",
    "parameters",
    "multiply_adds",
    "seconds",
    "layers",
    "versions",
    "hardware",
    "protocol",
    "optimizer",
}
VARIANTS = {"relu": tiny_network, "silu": functools.partial(tiny_network, activation="silu")}


class Interrupted(Exception):
    pass


def compared(folder, variants=VARIANTS, data=None, seeds=1, epochs=1, **more):
    more = {"output_dir": folder, "verbose": 0, **more}
    return compare_activations(variants, data or tiny_data(), seeds, epochs, **more)


def small(activation="relu", block=None, compiled=None):
    """A network of the tiny data, with what its variants may differ in."""
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.Dense(4, activation)(keras.layers.Flatten()(inputs))
    x = block(x) if block else x
    model = keras.Model(inputs, keras.layers.Dense(2)(x), name="small")
    if compiled:
        model.compile("sgd", metrics=["accuracy"], **compiled)
    return model


class Holder(keras.layers.Layer):
    """Does not say in its configuration what it is made of."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x)


def held_leni(gain):
    return Holder(LENI(kernel_gain=gain, transform="pointwise"))


def always(thing):
    return lambda *_: thing


@pytest.fixture
def compare(tmp_path):
    return functools.partial(compared, tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A comparison of two variants from one seed, what it printed, and what it returned."""
    folder, printed = tmp_path_factory.mktemp("finished"), io.StringIO()
    with contextlib.redirect_stdout(printed):
        summary = compared(folder, seeds=[1], verbose=1)
    return folder, printed.getvalue().splitlines(), summary


@pytest.fixture
def interrupt_in(monkeypatch):
    """Makes training break off where the function says so; gives the epochs that were started."""
    fit = keras.Model.fit
    started = []

    def install(breaks_off):
        def breaking_fit(model, *arguments, initial_epoch, **more):
            started.append(initial_epoch)
            if breaks_off(len(started)):
                raise Interrupted
            return fit(model, *arguments, initial_epoch=initial_epoch, **more)

        monkeypatch.setattr(keras.Model, "fit", breaking_fit)
        return started

    return install


@pytest.fixture
def no_training(monkeypatch):
    """For tests of what goes on around the training; gives the models and data it was given."""
    seen = []

    def instead(model, data, *_, **__):
        seen.append((model, data))
        return {
            key: value
            for key, value in made_up_run("", 0, 0.5).items()
            if key.endswith(("accuracy", "step", "ms", "batch", "seconds", "hardware"))
        }

    monkeypatch.setattr("keras_negact.comparison.compare.train", instead)
    # Drawing would take longer than all else.
    for picture in ("draw_differences", "draw_costs"):
        monkeypatch.setattr(Summary, picture, lambda summary, path: None)
    return seen


def test_a_comparison_from_end_to_end(finished):
    folder, lines, summary = finished
    runs = [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]
    order = [("relu", 1), ("silu", 1)]
    assert [(run["variant"], run["seed"]) for run in runs] == order
    assert all(run.keys() >= FIELDS for run in runs)
    assert {(run["activation"], run["model"], run["dataset"]) for run in runs} == {
        ("relu", "tiny", "stripes"),
        ("silu", "tiny", "stripes"),
    }
    # 9 * 4 weights, gamma and beta, 4 * 2 + 2 of the dense layer.
    assert {run["parameters"] for run in runs} == {36 + 8 + 10}
    # SiLU multiplies each of its values once.
    without = 36 * 4 * 4 + 8
    assert [run["multiply_adds"] for run in runs] == [without, without + 4 * 4 * 4]
    assert runs[0]["protocol"]["epochs"] == 1
    assert runs[0]["protocol"]["steps_per_epoch"] == 3

    assert summary["silu"].difference.count == 1
    written = {"runs.jsonl", "summary.md", "differences.png", "costs.png"}
    assert {path.name for path in folder.iterdir()} == written
    starts = [f"[{i}/2] {variant}, seed {seed}" for i, (variant, seed) in enumerate(order, start=1)]
    assert [line.split(":")[0] for line in lines] == starts


def test_accuracies_are_those_of_the_trained_network(finished):
    """Trained once more by Keras alone, from the same seed."""
    data, accuracies = tiny_data()(1), []
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    model = VARIANTS["silu"]()
    model.compile(
        training_run.default_optimizer(len(data.train_at(0))),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(data.train_at(0), shuffle=False, verbose=0)
    for batches in (data.train_at(0), data.validation, data.test):
        x, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        accuracies.append(np.mean(np.argmax(model(x), axis=-1) == y))
    (run,) = (r for r in read_runs(finished[0]) if r["variant"] == "silu" and r["seed"] == 1)
    splits = ("train", "validation", "test")
    assert [run[f"{split}_accuracy"] for split in splits] == pytest.approx(accuracies, abs=1e-6)


def test_finished_runs_are_not_repeated(finished, no_training, tmp_path):
    shutil.copytree(finished[0], tmp_path, dirs_exist_ok=True)
    compared(tmp_path, seeds=[1])
    assert no_training == []
    compared(tmp_path, seeds=[1, 2])
    assert len(no_training) == 2
    lines = (tmp_path / "runs.jsonl").read_text()
    assert lines.startswith((finished[0] / "runs.jsonl").read_text())
    assert [run["seed"] for run in read_runs(tmp_path)] == [1, 1, 2, 2]


def with_unreadable_test_images(data):
    class Unreadable:
        def __iter__(self):
            raise AssertionError("The test images were read.")

    def of_seed(seed):
        return dataclasses.replace(data(seed), test=Unreadable())

    return of_seed


def test_an_interrupted_run_ends_as_if_it_had_not_been(interrupt_in, tmp_path, monkeypatch):
    """With dropout and AdamW, so that random states and slots must be restored."""
    monkeypatch.setattr(checkpoint_module, "SECONDS_BETWEEN", 0.0)
    variants = {"relu": functools.partial(tiny_network, dropout=0.5)}
    data = with_unreadable_test_images(tiny_data(largest_shift=1, mirror=True))
    run = functools.partial(
        compared,
        variants=variants,
        data=data,
        epochs=3,
        keep_weights=True,
        evaluate_on="validation",
    )
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert run(straight).split == "validation"

    started = interrupt_in(lambda number: number == 3)
    with pytest.raises(Interrupted):
        run(broken)
    assert read_runs(broken) == []
    run(broken)
    assert started == [0, 1, 2, 2]
    assert read_runs(broken)[0]["test_accuracy"] is None

    ends = []
    for folder in (straight, broken):
        model = tiny_network()
        model.load_weights(weights_path(folder, "relu", 0))
        ends.append(model.get_weights())
    for uninterrupted, resumed in zip(*ends, strict=True):
        np.testing.assert_array_equal(uninterrupted, resumed)
    assert not list((broken / "unfinished").iterdir())


def test_variants_start_equal_and_see_the_same_batches(compare, no_training):
    compare(activation_variants(tiny_network, ["relu", "leni"]), seeds=2)
    first_images = [data.train_at(1)[0][0] for _, data in no_training]
    kernels = [model.get_layer("convolution").kernel.numpy() for model, _ in no_training]
    for relu_0, leni_0, relu_1, leni_1 in (first_images, kernels):
        np.testing.assert_array_equal(relu_0, leni_0)
        np.testing.assert_array_equal(relu_1, leni_1)
        assert np.abs(relu_0 - relu_1).max() > 0


def test_shares_of_the_runs_make_a_whole(compare, no_training, tmp_path):
    assert compare(seeds=2, share=(1, 2), name="second") is None
    summary = compare(seeds=2, share=(0, 2), name="first")
    assert {len(one.seeds) for one in summary.variants} == {2}
    assert {path.name for path in tmp_path.glob("*.jsonl")} == {"first.jsonl", "second.jsonl"}


def test_builder_may_ask_for_the_seed_and_bring_its_own_optimizer(compare, no_training, tmp_path):
    seen = []

    def build(seed):
        seen.append(seed)
        model = tiny_network()
        model.compile(
            keras.optimizers.SGD(0.25), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        return model

    compare({"relu": build}, seeds=[5])
    assert set(seen) == {5}
    (run,) = read_runs(tmp_path)
    assert run["optimizer"]["class_name"] == "SGD"
    assert run["optimizer"]["config"]["learning_rate"] == 0.25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": "gelu"}, r"`reference` must be one of .*'relu', 'silu'.*Received: 'gelu'"),
        ({"variants": {"relu": 3}}, r"`variants\['relu'\]` must be a function.*Received: 3"),
        ({"variants": {"relu": tiny_network, "x" * 101: tiny_network}}, "`variants`.*printable"),
        ({"variants": {"relu": tiny_network, "a\nb": tiny_network}}, "`variants`.*printable"),
        ({"name": "../x"}, "`name` must be a name .*Received"),
        ({"name": "/tmp/x"}, "`name` must be a name .*Received"),
        ({"seeds": []}, "`seeds` must be"),
        ({"seeds": [1, 1]}, "`seeds` must be"),
        ({"seeds": True}, "`seeds` must be"),
        ({"seeds": [0, True]}, "`seeds` must be"),
        ({"seeds": -1}, "`seeds` must be"),
        ({"epochs": 0}, "`epochs` must be an integer of at least 1. Received: 0"),
        ({"seeds": np.array(1)}, "`seeds` must be"),
        ({"metric": "f1"}, "`mode` must be .*'f1'"),
        ({"metric": "log_score"}, "`mode` must be .*'log_score'"),
        ({"protocol": {"metric": "top-1"}}, "`protocol` must be .*metric.*Received: {'metric'"),
        ({"protocol": {"mode": "min"}}, "`protocol` must be .*Received: {'mode'"),
        ({"protocol": {"evaluated_on": "x"}}, "`protocol` must be .*Received: {'evaluated_on'"),
        ({"protocol": {"epochs": 2, "rate": 1}}, "`protocol` must be .*Received: {'epochs': 2}"),
        ({"metric": "auc"}, "`metric` must be one of accuracy, loss. Received: 'auc'"),
        ({"optimizer": "adam"}, "`optimizer` must be a function"),
        ({"optimizer": lambda: None}, "`optimizer` must be a function of 1 arguments"),
        ({"optimizer": lambda steps: "adam"}, "`optimizer` must be a function that returns"),
        ({"share": 3}, "`share` must be"),
        ({"keep_weights": "yes"}, "`keep_weights` must be"),
        ({"verbose": 7}, "`verbose` must be"),
        ({"evaluate_on": "train"}, "`evaluate_on` must be"),
        ({"share": (2, 2)}, "`share` must be"),
        ({"data": object()}, "missing: name, train_at, validation, test"),
        ({"data": types.SimpleNamespace(**{**vars(tiny_data()(0)), "name": None})}, "`data.name`"),
        ({"variants": {"relu": lambda: 7}}, "'relu' cannot be built.*Keras model. Received: 7"),
        ({"variants": {"relu": dict}}, "'relu' cannot be built.*Keras model. Received: {}"),
        ({"variants": {"relu": small, "no": lambda: {}["x"]}}, "'no' cannot be built: KeyError"),
        ({"variants": {"relu": always(tiny_network())}, "seeds": 2}, "must return a new model"),
        ({"variants": dict.fromkeys(["relu", "b"], always(tiny_network()))}, "return a new model"),
        ({"optimizer": always(keras.optimizers.SGD())}, "`optimizer` must be a new one for every"),
    ],
)
def test_bad_arguments_are_refused_before_any_training(compare, interrupt_in, changes, message):
    started = interrupt_in(lambda number: True)
    with pytest.raises(ValueError, match=message):
        compare(**changes)
    assert started == []


def test_a_folder_holds_runs_of_one_protocol_and_one_recipe(compare, no_training):
    compare({"relu": tiny_network})
    with pytest.raises(ValueError, match=r"another protocol.*epochs 1 and 2"):
        compare({"relu": tiny_network}, epochs=2)
    with pytest.raises(ValueError, match=r"'relu' were made otherwise.*parameters 54 and 28"):
        compare({"relu": functools.partial(tiny_network, width=2)}, seeds=2)
    with pytest.raises(ValueError, match=r"'relu' were made otherwise.*optimizer"):
        compare({"relu": tiny_network}, seeds=2, optimizer=lambda steps: keras.optimizers.SGD())


@pytest.mark.parametrize("given", [{"optimizer": lambda steps: "unused"}, {"loss": "mse"}])
def test_what_no_model_would_use_is_refused(compare, given):
    compiled = {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}
    (name,) = given
    with pytest.raises(ValueError, match=f"`{name}` must be None where all models come compiled"):
        compare({"relu": functools.partial(small, compiled=compiled)}, **given)


CHANGES = [
    ({"activation": "gelu"}, {"activation": "silu"}, "functions"),
    ({"compiled": {"loss": "mse"}}, {"compiled": {"loss": "mae"}}, "loss 'mse' and 'mae'"),
    (
        {"compiled": {"loss": "mse", "loss_weights": [1.0]}},
        {"compiled": {"loss": "mse", "loss_weights": [2.0]}},
        "loss_weights",
    ),
    ({"block": 3.0}, {"block": 2.0}, "inner_layers"),
]


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize(("before", "after", "differing"), CHANGES)
def test_runs_of_a_variant_that_has_changed_do_not_count(
    compare, no_training, monkeypatch, before, after, differing, seeds
):
    """Whether or not anything is left to train."""
    monkeypatch.setattr("keras_negact.comparison.compare.check_trains", lambda *_: None)

    def build(block=None, **arguments):
        return small(block=held_leni(block) if block else None, **arguments)

    compare({"relu": functools.partial(build, **before)})
    with pytest.raises(ValueError, match=f"made otherwise. There and here: {differing}"):
        compare({"relu": functools.partial(build, **after)}, seeds=seeds)
    assert len(no_training) == 1


def test_runs_that_say_less_than_today_s_count(compare, no_training, tmp_path):
    compare({"relu": small})
    path = tmp_path / "runs.jsonl"
    run = json.loads(path.read_text())
    for key in ("loss", "loss_weights", "inner_layers", "functions", "layers", "optimizer"):
        del run[key]
    path.write_text(json.dumps(run) + "\n")
    assert compare({"relu": small}, seeds=2)["relu"].seeds == [0, 1]
    assert len(no_training) == 2


def test_what_is_not_finite_is_recorded_by_name(compare, no_training, tmp_path):
    arguments = {
        "protocol": {"noise": float("nan"), "limit": float("inf")},
        "optimizer": lambda steps: keras.optimizers.SGD(0.1, clipvalue=float("inf")),
    }
    for _ in range(2):
        compare({"relu": small}, **arguments)
    (run,) = read_runs(tmp_path)
    assert len(no_training) == 1
    assert run["protocol"]["noise"] == "nan"
    assert run["protocol"]["limit"] == run["optimizer"]["config"]["clipvalue"] == "inf"


def test_the_mode_that_was_given_counts(compare, no_training):
    assert compare({"relu": small}, mode="min").mode == "min"


def test_numpy_s_integers_and_any_mapping_are_taken(compare, no_training):
    share = (np.int64(0), np.int64(1))
    assert compare(types.MappingProxyType({"relu": small}), share=share) is not None
