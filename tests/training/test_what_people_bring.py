"""Models, callbacks and settings that people bring: as with `Model.fit`, and with a `Backup`."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_negact.training import Backup, fit
from keras_negact.training.state import identity
from tests.support.fit_cases import BATCH, X, Y, batches, differences, one_input
from tests.support.small_training import Crash, CrashAt

HINGE = np.where(Y > 0, 1, -1)
ARGUMENTS = {"batch_size": BATCH, "shuffle": False, "verbose": 0}


def layers(*stack):
    model = keras.Sequential([keras.Input((8,)), *stack, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def with_operations(last=keras.ops.relu):
    inputs = keras.Input((8,))
    hidden = keras.layers.Dense(4)(inputs)
    model = keras.Model(inputs, last(hidden + hidden / keras.ops.norm(hidden, axis=1)[:, None]))
    model.compile("sgd", "mse")
    return model


def masked():
    inputs = keras.Input((8,))
    embedded = keras.layers.Embedding(10, 4, mask_zero=True)(inputs)
    model = keras.Model(inputs, keras.layers.GRU(2)(embedded))
    model.compile("sgd", "mse")
    return model


class Failing(keras.Sequential):
    def get_config(self):
        return {"missing": self.missing}


def failing():
    model = Failing([keras.Input((8,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class Told(keras.layers.Layer):
    def get_config(self):
        return {**super().get_config(), "object": repr(object())}


LINES = iter((1, 5))


def on_another_line():
    code = "\n" * next(LINES) + "lambda x: 2 * x"
    return layers(keras.layers.Lambda(eval(code)))


@pytest.mark.parametrize(
    "make",
    [
        with_operations,
        masked,
        failing,
        lambda: layers(Told()),
        lambda: layers(keras.layers.Reshape((4, 2, 1)), keras.layers.RandomCrop(2, 2)),
        on_another_line,
    ],
    ids=["operations", "masked", "own config", "address", "drawn seed", "lambda"],
)
def test_a_network_that_is_made_again_is_the_same(make):
    assert identity(make()) == identity(make())


def test_other_operations_are_another_network():
    assert identity(with_operations()) != identity(with_operations(keras.ops.elu))


def trained(make, train, folder=None, cut=None, epochs=3, callbacks=(), **more):
    model = make()
    callbacks = [*callbacks, *([Backup(folder, save_every=1)] if folder else [])]
    callbacks += [CrashAt(*cut)] if cut else []
    arguments = {"x": X, **ARGUMENTS, "epochs": epochs, "callbacks": callbacks, **more}
    train(model, **arguments)
    return model


def assert_as_model_fit(make, folder, **more):
    """Interrupted and resumed."""
    expected = trained(make, keras.Model.fit, **more)
    with pytest.raises(Crash):
        trained(make, fit, folder, (1, 1), **more)
    assert differences(expected, trained(make, fit, folder, **more)) <= 1e-6


class Penalized(keras.Model):
    """A loss of its own alone; neither `call` nor `compute_loss` knows of `training`."""

    def __init__(self):
        super().__init__()
        keras.utils.set_random_seed(0)
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        made = self.dense(x)
        self.add_loss(keras.ops.mean(made**2))
        return made


class Judging(Penalized):
    def compute_loss(self, x, y, made, weight):
        return keras.ops.mean((made - keras.ops.cast(y, "float32")[:, None]) ** 2)


@pytest.mark.parametrize(("kind", "y"), [(Penalized, None), (Judging, Y)])
def test_losses_of_a_models_own(tmp_path, kind, y):
    def make():
        model = kind()
        model.compile("sgd")
        return model

    assert_as_model_fit(make, tmp_path, y=y)


def stateful():
    keras.utils.set_random_seed(0)
    layer = keras.layers.SimpleRNN(2, stateful=True)
    model = keras.Sequential([keras.Input((4, 2), batch_size=BATCH), layer])
    model.compile("sgd", lambda y, made: keras.ops.mean(keras.ops.split(made, 2)[0] ** 2))
    return model


def test_batches_of_one_size_alone(tmp_path):
    whole = len(X) - len(X) % BATCH
    examples = {"x": X[:whole].reshape(-1, 4, 2), "y": Y[:whole]}
    expected = trained(stateful, keras.Model.fit, **examples)
    assert differences(expected, trained(stateful, fit, tmp_path, **examples)) <= 1e-6


@pytest.mark.parametrize("keys", [(-1, 1), (-1.0, 1.0)])
def test_classes_of_any_whole_number(keys):
    def make():
        keras.utils.set_random_seed(0)
        model = layers()
        model.compile("sgd", "hinge")
        return model

    weights = {"class_weight": dict(zip(keys, (3.0, 0.5), strict=True)), "y": HINGE}
    models = [trained(make, train, epochs=1, **weights) for train in (keras.Model.fit, fit)]
    assert differences(*models) <= 1e-6


class Remembering(keras.callbacks.Callback):
    """Collections that are more than dicts and lists."""

    def __init__(self):
        super().__init__()
        self.last = collections.deque(maxlen=2)
        self.by_parity = collections.defaultdict(list)
        self.seen = set()

    def on_epoch_end(self, epoch, logs=None):
        self.last.append(epoch)
        self.by_parity[epoch % 2].append(epoch)
        self.seen.add(epoch)


def test_collections_that_callbacks_keep(tmp_path):
    with pytest.raises(Crash):
        trained(one_input, fit, tmp_path, (3, 1), 5, [Remembering()], y=Y)
    kept = Remembering()
    trained(one_input, fit, tmp_path, None, 5, [kept], y=Y)
    assert list(kept.last) == [3, 4]
    assert dict(kept.by_parity) == {0: [0, 2, 4], 1: [1, 3]}
    assert kept.seen == set(range(5))


class Stop(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model.stop_training = True


def test_stopped_before_the_first_step_as_by_model_fit(tmp_path):
    stopping = {"callbacks": [Stop()], "y": Y}
    expected = trained(one_input, keras.Model.fit, **stopping)
    assert differences(expected, trained(one_input, fit, tmp_path, **stopping)) <= 1e-6


def test_the_limits_of_keras_hold(tmp_path):
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(3)
    try:
        with pytest.warns(UserWarning, match="Limiting"):
            expected = trained(one_input, keras.Model.fit, y=Y)
        with pytest.warns(UserWarning, match="limits `epochs` to 2"):
            found = trained(one_input, fit, tmp_path, y=Y)
    finally:
        keras.config.set_max_epochs(None)
        keras.config.set_max_steps_per_epoch(None)
    assert differences(expected, found) <= 1e-6


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_generator_that_ends_in_an_epoch_has_none_for_the_next_one(tmp_path):
    def arguments():
        return {"x": batches(X, Y), "steps_per_epoch": 4, "batch_size": None}

    with pytest.raises(Crash):
        trained(one_input, fit, tmp_path, (1, 1), **arguments())
    with pytest.raises(ValueError, match="no batches left for epoch 3"):
        trained(one_input, fit, tmp_path, **arguments())


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"x": X.tolist(), "y": Y}, "`x` must be arrays"),
        ({"x": np.float32(5), "y": Y}, "`x` must be arrays"),
        ({"x": X, "y": Y.tolist()}, "`y` must be an array"),
        ({"x": X, "y": Y, "sample_weight": [1.0] * len(X)}, "`sample_weight` must be an array"),
        ({"x": X, "y": Y, "class_weight": {0.5: 1.0}}, "keys are whole numbers"),
        ({"x": X, "y": Y, "class_weight": {"0": 1.0}}, "keys are whole numbers"),
    ],
)
def test_what_is_no_data_is_refused_in_few_words(wrong, what):
    with pytest.raises(ValueError, match=f"{what}.* Received: ") as raised:
        fit(one_input(), **wrong, verbose=0)
    assert len(str(raised.value)) < 500


def of_epoch(epoch):
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH)


@pytest.mark.parametrize("data", ["a function of the epoch", "arrays"])
def test_restoring_by_keras_is_refused_where_it_would_begin_again_for_ever(data, tmp_path):
    restoring = keras.callbacks.BackupAndRestore(tmp_path / "keras.weights.h5")
    if data == "arrays":
        given, callbacks = (X, Y), [restoring, Backup(tmp_path / "ours")]
    else:
        given, callbacks = (of_epoch,), [restoring]
    with pytest.raises(ValueError, match="`BackupAndRestore` goes neither with"):
        fit(layers(), *given, verbose=0, callbacks=callbacks)


def test_a_function_of_the_epoch_may_give_more_than_an_epoch_takes():
    class Many(keras.utils.PyDataset):
        def __len__(self):
            return 8

        def __getitem__(self, number):
            return X[number : number + 2], Y[number : number + 2]

    model = layers()
    fit(model, lambda epoch: Many(), steps_per_epoch=2, epochs=3, verbose=0)
    assert int(model.optimizer.iterations) == 6


def test_a_callback_that_remembers_text_of_numpy_goes_on(tmp_path):
    class Worst(keras.callbacks.Callback):
        worst = None

        def on_epoch_end(self, epoch, logs=None):
            self.worst = np.array(["cat", "dog"])[epoch % 2]

    for epochs in (1, 2):
        worst = Worst()
        fit(layers(), X, Y, epochs=epochs, verbose=0, callbacks=[Backup(tmp_path), worst])
    assert worst.worst == "dog"
