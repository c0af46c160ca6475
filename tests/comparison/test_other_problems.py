"""Problems that are no classification of images by one input: as their users compiled them."""

import types

import keras
import numpy as np
import pytest

from keras_negact.comparison import Variant, compare_activations, read_runs, seeds_needed
from keras_negact.comparison.accuracy import check_targets, check_threshold
from keras_negact.comparison.statistics import smallest_detectable
from tests.support.backends import tensorflow_only

GENERATOR = np.random.default_rng(0)
LEFT, RIGHT = GENERATOR.normal(size=(2, 24, 3)).astype("float32")
TARGET = (LEFT.sum(axis=1, keepdims=True) > 0).astype("float32")
WEIGHTS = np.linspace(0.1, 2, 24).astype("float32")


def batches_of(*structure, size=8):
    parts = range(0, 24, size)
    return [keras.tree.map_structure(lambda x, i=i: x[i : i + size], structure) for i in parts]


def data(*structure, length=True):
    batches = batches_of(*structure)
    epoch = batches if length else (batch for batch in batches)
    return types.SimpleNamespace(
        name="made up", train_at=lambda epoch_number: epoch, validation=batches, test=batches
    )


class Batches(keras.utils.PyDataset):
    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        return self.batches[number]


def keras_data(*structure):
    given = Batches(batches_of(*structure))
    return types.SimpleNamespace(
        name="made up", train_at=lambda epoch: given, validation=given, test=given
    )


def one_input(loss, metrics, **more):
    inputs = keras.Input((3,))
    x = keras.layers.Dense(4, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=metrics, **more)
    return model


def two_inputs():
    inputs = {"left": keras.Input((3,), name="left"), "right": keras.Input((3,), name="right")}
    x = keras.layers.Concatenate()([inputs["left"], inputs["right"]])
    outputs = {
        "class": keras.layers.Dense(1, name="class")(x),
        "size": keras.layers.Dense(1, name="size")(x),
    }
    model = keras.Model(inputs, outputs)
    model.compile(
        "sgd",
        {"class": keras.losses.BinaryCrossentropy(from_logits=True), "size": "mse"},
        metrics={
            "class": [keras.metrics.BinaryAccuracy(threshold=0.0, name="right")],
            "size": "mae",
        },
        loss_weights={"class": 1.0, "size": 0.5},
    )
    return model


def compared(folder, build, given, **arguments):
    variants = {"relu": build, "again": Variant(build, "relu")}
    options = {"seeds": np.arange(2), "epochs": 1, "verbose": 0, **arguments}
    return compare_activations(variants, given, output_dir=folder, **options)


def test_metrics_are_those_that_the_user_compiled(tmp_path):
    """One logit, labels 0 and 1: right at the threshold 0 that was given, not at Keras's 0.5."""

    def build():
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        metric = keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")
        return one_input(loss, [metric], weighted_metrics=["mae"], run_eagerly=True)

    summary = compared(tmp_path, build, keras_data(LEFT, TARGET), keep_weights=True)
    run = read_runs(tmp_path)[0]
    model = build()
    model.load_weights(next((tmp_path / "weights").glob("relu-*-seed0.weights.h5")))
    expected = np.mean((np.asarray(model(LEFT)) > 0) == TARGET)
    assert run["test_accuracy"] == pytest.approx(expected)
    assert summary.metric == "accuracy"
    assert summary["again"].differences == [0, 0]


def test_a_regression_is_compared_by_its_error(tmp_path):
    summary = compared(
        tmp_path, lambda: one_input("mse", ["mae"]), keras_data(LEFT, RIGHT[:, :1]), metric="mae"
    )
    assert (summary.metric, summary.mode, summary.scale) == ("mae", "min", 1)
    assert "mae" in summary.to_markdown()
    assert read_runs(tmp_path)[0]["protocol"]["metric"] == "mae"


def test_several_inputs_and_outputs_and_weights(tmp_path):
    inputs = {"left": LEFT, "right": RIGHT}
    targets = {"class": TARGET, "size": RIGHT[:, :1]}
    weights = {"class": WEIGHTS, "size": WEIGHTS}
    given = keras_data(inputs, targets, weights)
    summary = compared(tmp_path, two_inputs, given, metric="class_right", mode="max")
    assert summary.metric == "class_right"
    assert 0 <= summary["relu"].score <= 1


def test_epochs_of_unknown_length_are_refused_before_training(tmp_path):
    def build():
        return one_input("mse", ["accuracy"])

    with pytest.raises(ValueError, match="`data` must be one whose epochs know their length"):
        compared(tmp_path, build, data(LEFT, TARGET, length=False))


def test_a_batch_that_does_not_fit_the_model_is_refused_before_training(tmp_path):
    with pytest.raises(ValueError, match="cannot be evaluated on the first validation batch"):
        compared(tmp_path, two_inputs, keras_data(LEFT, TARGET), metric="loss")


FROM_LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
BOTH = np.concatenate([TARGET, np.ones_like(TARGET)], axis=1)


def plain_network(outputs=1, **compiled):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(outputs)(inputs))
    if compiled:
        model.compile("sgd", **compiled)
    return model


@pytest.mark.parametrize(
    ("outputs", "compiled", "target", "arguments", "message"),
    [
        (1, {}, RIGHT[:, :1], {"loss": "mse"}, "one of loss. Received: 'accuracy'"),
        (1, {"loss": "mse", "metrics": ["accuracy"]}, RIGHT[:, :1], {}, 'say metric="loss"'),
        (3, {"loss": "mse", "metrics": ["accuracy"]}, RIGHT, {}, "add up to 1"),
        (1, {"loss": FROM_LOGITS, "metrics": ["accuracy"]}, TARGET, {}, "the threshold 0, for"),
        (2, {"loss": FROM_LOGITS, "metrics": ["accuracy"]}, BOTH, {}, "add up to 1"),
    ],
)
def test_an_accuracy_that_is_none_is_refused_before_training(
    tmp_path, outputs, compiled, target, arguments, message
):
    """Of numbers, of logits at one half, and of several classes at a time by the largest."""
    with pytest.raises(ValueError, match=f"`metric` must be .*{message}"):
        compared(
            tmp_path,
            lambda: plain_network(outputs, **compiled),
            keras_data(LEFT, target),
            **arguments,
        )
    assert not list(tmp_path.glob("*.jsonl"))


def test_an_accuracy_of_one_output_may_stand_beside_an_error_of_another():
    model = two_inputs()
    model.evaluate({"left": LEFT, "right": RIGHT}, {"class": TARGET, "size": RIGHT}, verbose=0)
    check_threshold(model, "class_right")
    check_targets(model, "class_right", {"class": TARGET, "size": RIGHT}, "targets")


@pytest.mark.parametrize("logit", [0.2, -0.2])
def test_one_logit_is_judged_at_zero_under_the_loss_that_was_given(tmp_path, logit):
    def build():
        start = keras.initializers.Constant(logit)
        layer = keras.layers.Dense(1, kernel_initializer="zeros", bias_initializer=start)
        return keras.Sequential([keras.Input((3,)), layer])

    summary = compare_activations(
        {"relu": build},
        keras_data(LEFT, np.ones_like(TARGET)),
        seeds=1,
        epochs=1,
        output_dir=tmp_path,
        optimizer=lambda steps: keras.optimizers.SGD(0.0),
        loss=FROM_LOGITS,
        verbose=0,
    )
    assert summary["relu"].score == (logit > 0)


def broken_data(**splits):
    given = Batches(batches_of(LEFT, TARGET))
    split = {"train_at": given, "validation": given, "test": given, **splits}
    epoch = split.pop("train_at")
    return types.SimpleNamespace(name="made up", train_at=lambda number: epoch, **split)


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"test": None}, "`data.test` must be batches that can be read more than once"),
        ({"test": (batch for batch in ())}, "`data.test` must be batches"),
        ({"validation": (batch for batch in ())}, "`data.validation` must be batches"),
        ({"validation": (LEFT, TARGET)}, "`data.validation` must be batches"),
        ({"train_at": batches_of(LEFT, TARGET)}, r"`data.train_at\(0\)` must be batches"),
        ({"train_at": Batches([])}, "`data` must be one whose epochs have batches"),
        ({"validation": Batches([])}, "`data` must be one with validation examples"),
        ({"test": Batches(batches_of(LEFT[:, :2], TARGET))}, "'relu'.* the first test batch"),
        ({"train_at": Batches(batches_of(LEFT[:, :2], TARGET))}, "the first training batch"),
        (
            {"train_at": Batches([(LEFT[:8], TARGET[:8], WEIGHTS[:5])])},
            "the first training batch of made up: [^:]*Error: .*[58]",
        ),
        pytest.param(
            {"validation": Batches([([LEFT], TARGET)])}, "TypeError", marks=tensorflow_only
        ),
    ],
)
def test_data_that_cannot_be_read_are_refused_before_training(tmp_path, splits, message):
    with pytest.raises(ValueError, match=message):
        compared(
            tmp_path,
            lambda: plain_network(loss="mse"),
            broken_data(**splits),
            metric="loss",
        )
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_test_set_that_is_not_to_be_read_is_not_looked_at(tmp_path):
    with pytest.raises(ValueError, match="`metric` must be one of loss"):
        compared(
            tmp_path,
            lambda: plain_network(loss="mse"),
            broken_data(test=None),
            evaluate_on="validation",
        )


@tensorflow_only
def test_the_reason_is_told_and_not_where_it_arose(tmp_path):
    def build():
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return plain_network(2, loss=loss)

    given = keras_data(LEFT, np.full(24, 5))
    with pytest.raises(ValueError, match=r"'relu'.*label value of 5 which is outside"):
        compared(tmp_path, build, given, metric="loss")


def test_a_record_holds_the_configuration_of_every_block(tmp_path):
    from keras_negact import LENI

    def build():
        inputs = keras.Input((3,))
        x = LENI(kernel_size=5)(keras.layers.Dense(4)(inputs))
        model = keras.Model(inputs, keras.layers.Dense(1)(x))
        model.compile("sgd", "mse", metrics=["mae"])
        return model

    compared(tmp_path, build, keras_data(LEFT, TARGET), metric="mae")
    (block,) = read_runs(tmp_path)[0]["layers"]
    assert (block["class"], block["kernel_size"]) == ("LENI", 5)


@pytest.mark.parametrize("difference", [0.1, 0.5, 1.0, 3.0])
def test_seeds_needed_are_the_least_that_show_the_difference(difference):
    pilot = [0.4, -0.1, 0.3]
    count = seeds_needed(pilot, difference)
    deviation = np.std(pilot, ddof=1)
    assert smallest_detectable(deviation, count) <= difference
    assert count == 2 or smallest_detectable(deviation, count - 1) > difference


def test_seeds_needed_agrees_with_a_simulation():
    """Of 4,000 made-up comparisons with that many seeds four in five find the difference."""
    from scipy import stats

    pilot = [1.0, -1.0, 0.5]
    deviation, difference = np.std(pilot, ddof=1), 0.8
    count = seeds_needed(pilot, difference)
    drawn = np.random.default_rng(1).normal(difference, deviation, (4000, count))
    found = stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05
    assert 0.78 < np.mean(found) < 0.87


def test_an_optimizer_that_averages_weights_is_used_as_by_fit(tmp_path):
    def build():
        optimizer = keras.optimizers.SGD(0.3, use_ema=True, ema_momentum=0.9)
        model = one_input("mse", [])
        model.compile(optimizer, "mse")
        return model

    given = keras_data(LEFT, TARGET)
    summary = compare_activations(
        {"relu": build}, given, 1, 4, tmp_path, metric="loss", evaluate_on="validation", verbose=0
    )
    keras.utils.set_random_seed(0)
    model = build()
    model.fit(given.train_at(0), epochs=4, shuffle=False, verbose=0)
    expected = model.evaluate(given.validation, verbose=0)
    assert summary["relu"].scores == pytest.approx([expected], rel=1e-5)


def test_a_step_of_its_own_need_not_tell_a_loss(tmp_path):
    class Own(keras.Model):
        def test_step(self, data):
            x, y = data
            return {"distance": keras.ops.mean(keras.ops.abs(self(x) - y))}

    def build():
        inputs = keras.Input((3,))
        model = Own(inputs, keras.layers.Dense(1)(inputs))
        model.compile("sgd", "mse")
        return model

    given = keras_data(LEFT, TARGET)
    summary = compare_activations(
        {"relu": build}, given, 1, 1, tmp_path, metric="distance", mode="min", verbose=0
    )
    assert summary["relu"].diverged == []
    assert "test_loss" not in read_runs(tmp_path)[0]


def test_a_metric_of_several_numbers_is_refused_and_may_stand_beside(tmp_path):
    def build():
        model = one_input("binary_crossentropy", ["mae", keras.metrics.F1Score(average=None)])
        return model

    given = keras_data(LEFT, TARGET)
    with pytest.raises(ValueError, match="one number, as 'f1_score' of 'relu' is not"):
        compare_activations({"relu": build}, given, 1, 1, tmp_path, metric="f1_score", mode="max")
    compare_activations({"relu": build}, given, 1, 1, tmp_path, metric="mae", verbose=0)


def test_a_file_of_results_that_cannot_be_one_is_refused_before_training(tmp_path):
    (tmp_path / "runs.jsonl").mkdir()
    with pytest.raises(ValueError, match="`name` must be the path of a file"):
        compare_activations({"relu": one_input}, keras_data(LEFT, TARGET), 1, 1, tmp_path)
