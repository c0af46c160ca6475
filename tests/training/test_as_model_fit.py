"""`fit` means what `Model.fit` means, whatever it is given."""

import itertools
import json
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_negact.training import Backup, fit
from keras_negact.training.arrays import Arrays
from tests.support.fit_cases import (
    BATCH,
    CASES,
    CLASS_WEIGHT,
    EPOCHS,
    HALVES,
    STEPS,
    WEIGHT,
    InMemory,
    Losses,
    X,
    Y,
    batches,
    by_model_fit,
    dataset,
    differences,
    one_input,
    two_inputs,
)
from tests.support.processes import SCRIPTS, finish, start
from tests.support.small_training import Crash, CrashAt

# Everything once is slow; these stand for the rest: each kind of data, and each option somewhere.
SAMPLE = {
    "list+class_weight",
    "outputs+sample_weight",
    "nested+validation_split",
    "unknown+validation_data",
    "dataset+thirds",
    "PyDataset-threads+class_weight",
    "function",
    "generator",
    "array+short_epochs",
}
EVERY = [pytest.param(name, marks=[] if name in SAMPLE else pytest.mark.slow) for name in CASES]
pytestmark = pytest.mark.filterwarnings("ignore:Your input ran out of data")


@pytest.mark.parametrize("name", EVERY)
def test_plain_with_a_backup_and_interrupted(tmp_path, name):
    case = CASES[name]
    expected, expected_losses = by_model_fit(case)

    plain, losses = case.model(), Losses()
    fit(plain, **case.arguments(), epochs=EPOCHS, shuffle=False, verbose=0, callbacks=[losses])
    assert differences(expected, plain) <= 1e-6
    assert losses.steps == expected_losses.steps
    np.testing.assert_allclose(losses.values, expected_losses.values, atol=1e-6)

    def backed(folder, *more):
        model = case.model()
        callbacks = [Backup(tmp_path / folder, save_every=1), *more]
        fit(model, **case.arguments(), epochs=EPOCHS, shuffle=False, verbose=0, callbacks=callbacks)
        return model

    losses = Losses()
    assert differences(expected, backed("whole", losses)) <= 1e-6
    assert losses.steps == expected_losses.steps
    np.testing.assert_allclose(losses.values, expected_losses.values, atol=1e-6)

    with pytest.raises(Crash):
        backed("cut", CrashAt(epoch=1, step=1))
    losses = Losses()
    assert differences(expected, backed("cut", losses)) <= 1e-6
    # Step 1 was done and not saved when the run was cut: it is the first one to be done again.
    assert losses.steps == expected_losses.steps[-len(losses.steps) :]
    assert losses.steps[0] == 1


ON_REPLICAS = [name for name in CASES if CASES[name].on_replicas]
OTHERS = [name for name in ON_REPLICAS if name not in SAMPLE]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([name for name in ON_REPLICAS if name in SAMPLE], id="sample"),
        pytest.param(OTHERS[::2], id="every other one", marks=pytest.mark.slow),
        pytest.param(OTHERS[1::2], id="the rest", marks=pytest.mark.slow),
    ],
)
def test_on_two_replicas(names):
    # One process for many: it takes longer to start than a case to train.
    status, output = finish(start(SCRIPTS / "fit_cases_on_replicas.py", ",".join(names)))
    assert status == 0, output
    line = next(line for line in output.splitlines() if line.startswith("FOUND "))
    found = json.loads(line.removeprefix("FOUND "))
    assert found.keys() == set(names)
    largest = {name: max(differences) for name, differences in found.items()}
    assert {name: value for name, value in largest.items() if value > 2e-6} == {}


class Recorder(keras.layers.Layer):
    """Passes examples on, and remembers the first number of each one that is trained on."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, x, training=False):
        if not training:
            return x
        import tensorflow as tf

        def record(batch):
            self.seen.append(batch[:, 0].copy())
            return batch

        return tf.ensure_shape(tf.numpy_function(record, [x], tf.float32), x.shape)

    def compute_output_shape(self, input_shape):
        return input_shape


def recording_model(inputs: int = 1):
    inner, recorder = one_input() if inputs == 1 else two_inputs(), Recorder()
    given = [keras.Input((8 // inputs,), name=name) for name in "ab"[:inputs]]
    passed = [recorder(given[0]), *given[1:]]
    model = keras.Model(given, inner(passed if inputs > 1 else passed[0]))
    model.compile(keras.optimizers.SGD(0.05, 0.9), inner.loss, run_eagerly=True)
    return model, recorder.seen


SHUFFLED = {
    "array": lambda chosen: X[chosen],
    "batch": lambda chosen: X[chosen],
    "list": lambda chosen: [half[chosen] for half in HALVES],
    "dict": lambda chosen: dict(zip("ab", (half[chosen] for half in HALVES), strict=True)),
    "PyDataset": lambda chosen: X[chosen],
    "PyDataset-threads": lambda chosen: X[chosen],
}


@pytest.mark.parametrize("kind", SHUFFLED)
@pytest.mark.parametrize("backup", [False, True])
def test_shuffled_every_example_once_and_as_model_fit_in_that_order(tmp_path, kind, backup):
    inputs = 2 if kind in ("list", "dict") else 1
    arguments = {"shuffle": "batch", **CASES["array"].arguments()}
    if kind != "batch":
        arguments = {"shuffle": True, **CASES[kind].arguments()}
    model, seen = recording_model(inputs)
    callbacks = [Backup(tmp_path)] if backup else []
    fit(model, **arguments, epochs=EPOCHS, verbose=0, callbacks=callbacks)
    assert len(seen) == EPOCHS * STEPS
    place = {value: number for number, value in enumerate(X[:, 0])}
    orders = [[place[value] for value in batch] for batch in seen]
    for epoch in range(EPOCHS):
        numbers = [*itertools.chain(*orders[epoch * STEPS : (epoch + 1) * STEPS])]
        assert sorted(numbers) == list(range(len(X)))
        assert numbers != sorted(numbers)
    assert orders[:STEPS] != orders[STEPS : 2 * STEPS]
    again, _ = recording_model(inputs)
    for chosen in orders:
        x = SHUFFLED[kind](chosen)
        again.fit(x, Y[chosen], batch_size=len(chosen), shuffle=False, verbose=0)
    for mine, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_order_of_arrays_is_that_of_older_backups():
    source = Arrays(np.arange(53.0), shuffle=True)
    source.seed = 7
    assert source.order(0)[:10].tolist() == [10, 47, 26, 37, 50, 12, 16, 0, 24, 6]
    assert source.order(3)[:10].tolist() == [48, 49, 15, 17, 37, 52, 42, 51, 27, 13]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_pydataset_is_told_of_its_epochs_and_asked_in_order(tmp_path, shuffle):
    def trained(train, *callbacks):
        data = InMemory(X, Y)
        model = one_input()
        train(model)(data, epochs=EPOCHS, shuffle=shuffle, verbose=0, callbacks=list(callbacks))
        return data

    expected = trained(lambda model: model.fit)
    ours = lambda model: lambda *a, **k: fit(model, *a, **k)  # noqa: E731
    found = trained(ours, Backup(tmp_path / "whole"))
    assert found.told == expected.told == ["end", *["begin", "end"] * EPOCHS]
    if not shuffle:
        assert found.asked[-EPOCHS * STEPS :] == expected.asked[-EPOCHS * STEPS :]
    with pytest.raises(Crash):
        trained(ours, Backup(tmp_path / "cut", 2), CrashAt(epoch=1, step=3))
    assert trained(ours, Backup(tmp_path / "cut", 2)).told == expected.told


def test_every_batch_of_a_generator_is_trained_on_once(tmp_path):
    taken = []

    def recorded():
        for batch in batches(X, Y):
            taken.append(len(batch[0]))
            yield batch

    model, seen = recording_model()
    fit(model, recorded(), verbose=0, callbacks=[Backup(tmp_path)])
    np.testing.assert_array_equal(np.concatenate(seen), X[:, 0])
    assert sum(taken) == len(X)


class Loader:
    """Batches anew in every pass, and no way to begin in its middle."""

    def __iter__(self):
        return batches(X, Y)


def test_a_backup_of_short_epochs_needs_data_that_can_begin_in_the_middle(tmp_path):
    with pytest.raises(ValueError, match=r"begin in the middle.* Received: Loader"):
        fit(one_input(), Loader(), steps_per_epoch=2, verbose=0, callbacks=[Backup(tmp_path)])
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_generator_that_was_used_up_before_the_interruption_says_so(tmp_path):
    def resumable(epochs):
        generator, backup = itertools.islice(batches(X, Y), 5), Backup(tmp_path)
        arguments = {"steps_per_epoch": 2, "verbose": 0, "callbacks": [backup]}
        return fit(one_input(), (one for one in generator), epochs=epochs, **arguments)

    resumable(2)
    assert len(resumable(3).history["loss"]) == 3
    kept = (tmp_path / "backup.zip").read_bytes()
    with pytest.raises(ValueError, match="no batches left for epoch 4: 6 were trained on"):
        resumable(5)
    assert (tmp_path / "backup.zip").read_bytes() == kept


def test_a_generator_for_several_epochs_needs_their_length(tmp_path):
    with pytest.raises(ValueError, match="steps_per_epoch"):
        fit(one_input(), batches(X, Y), epochs=2, verbose=0, callbacks=[Backup(tmp_path)])


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"x": X, "y": [Y, Y]}, "one output"),
        ({"x": X, "y": Y, "sample_weight": np.ones(53)}, "not both"),
        ({"x": X, "y": np.zeros((53, 4, 3))}, "one class for each example"),
        ({"x": dataset(X, Y, WEIGHT)}, "not both"),
        ({"x": dataset(X, (Y, Y))}, "one output"),
        ({"x": dataset(X, np.zeros((53, 4, 3)))}, r"the shape \(None, 4, 3\)"),
        ({"x": lambda epoch: dataset(X, np.zeros((53, 4, 3)))}, "one class for each example"),
    ],
)
def test_class_weights_are_refused_where_keras_refuses_them(arguments, what):
    with pytest.raises(ValueError, match=what) as raised:
        fit(one_input(), **arguments, class_weight=CLASS_WEIGHT, verbose=0)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("make", ["soft", "one-hot", "column", "float"])
def test_class_weights_round_labels_as_keras_does(tmp_path, make):
    labels = (Y > 0).astype("float32")
    targets = {
        "soft": np.abs(labels - 0.3),
        "one-hot": np.eye(2, dtype="float32")[labels.astype(int)],
        "column": labels[:, None],
        "float": labels,
    }[make]

    def model():
        keras.utils.set_random_seed(0)
        network = keras.Sequential(
            [keras.Input((8,)), keras.layers.Dense(2 if make == "one-hot" else 1)]
        )
        network.compile("sgd", "mse")
        return network

    common = {"class_weight": {0: 0.5, 1: 3.0}, "shuffle": False, "verbose": 0}
    expected, found, backed = model(), model(), model()
    expected.fit(X, targets, **common)
    fit(found, X, targets, **common)
    fit(backed, X, targets, callbacks=[Backup(tmp_path)], **common)
    assert differences(expected, found) == 0
    assert differences(expected, backed) <= 1e-7
    in_batches = model()
    fit(in_batches, tf.data.Dataset.from_tensor_slices((X, targets)).batch(32), **common)
    assert differences(expected, in_batches) <= 1e-7


def test_classes_without_a_weight_count_once_in_datasets_too():
    expected, found = one_input(), one_input()
    common = {"class_weight": {1: 3.0}, "shuffle": False, "verbose": 0}
    expected.fit(X, Y, batch_size=BATCH, **common)
    fit(found, dataset(X, Y), **common)
    assert differences(expected, found) <= 1e-6


def test_no_warning_of_its_own_for_a_dataset():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fit(one_input(), CASES["dataset"].arguments()["x"], verbose=0)


def test_a_generator_is_validated_on_as_by_model_fit_unless_there_is_a_backup(tmp_path):
    def arguments():
        held_out = batches(X, Y, passes=EPOCHS)
        common = {"batch_size": len(X), "epochs": EPOCHS, "verbose": 0}
        return {**common, "validation_data": held_out, "validation_steps": STEPS}

    expected, found = one_input(), one_input()
    expected.fit(X, Y, **arguments())
    fit(found, X, Y, **arguments())
    # What it is evaluated on is not compared: Keras reads ahead between two evaluations.
    assert len(found.history.history["val_loss"]) == EPOCHS
    for mine, theirs in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    with pytest.raises(ValueError, match="`validation_data` must be arrays or a dataset"):
        fit(one_input(), X, Y, **arguments(), callbacks=[Backup(tmp_path)])


class Noisy(InMemory):
    """Draws from NumPy's generator at every batch, as augmentation does."""

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x + np.random.normal(size=x.shape).astype("float32"), y


def test_what_is_drawn_for_a_batch_is_what_model_fit_would_draw(tmp_path):
    models = []
    for train in (keras.Model.fit, fit):
        model = one_input()
        keras.utils.set_random_seed(3)
        callbacks = [] if train is keras.Model.fit else [Backup(tmp_path)]
        train(model, Noisy(X, Y), epochs=EPOCHS, shuffle=False, verbose=0, callbacks=callbacks)
        models.append(model)
    assert differences(*models) <= 1e-6
