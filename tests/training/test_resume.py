"""A run that was interrupted and started again ends as if it had never been."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_negact.training import Backup, fit
from tests.support.small_training import (
    Crash,
    CrashAt,
    largest_difference,
    small_data,
    small_model,
)

X, Y = small_data()
EPOCHS = 4


def shuffled_by_epoch(epoch):
    order = np.random.default_rng(epoch).permutation(len(X))
    return tf.data.Dataset.from_tensor_slices((X[order], Y[order])).batch(10)


def train(model, directory, *, save_every="epoch", more=(), epochs=EPOCHS, data=(X, Y)):
    x, y = data
    return fit(
        model,
        x,
        y,
        batch_size=10 if y is not None else None,
        epochs=epochs,
        verbose=0,
        validation_data=(X[:20], Y[:20]),
        callbacks=[
            Backup(directory, save_every),
            keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.5, factor=0.7),
            keras.callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True),
            *more,
        ],
    )


class ByNumber(keras.utils.PyDataset):
    def __len__(self):
        return -(-len(X) // 10)

    def __getitem__(self, number):
        chosen = slice(10 * number, 10 * number + 10)
        return X[chosen], Y[chosen]


ARRAYS, FUNCTION, BY_NUMBER = (X, Y), (shuffled_by_epoch, None), (ByNumber(), None)


@pytest.mark.parametrize(
    ("save_every", "data"),
    [("epoch", ARRAYS), (2, ARRAYS), (2, FUNCTION), (6, FUNCTION), (2, BY_NUMBER)],
    ids=["epoch-arrays", "2-arrays", "2-function", "6-function", "2-PyDataset"],
)
def test_ends_with_the_weights_and_history_of_an_uninterrupted_run(tmp_path, save_every, data):
    whole = small_model()
    history = train(whole, tmp_path / "whole", save_every=save_every, data=data)
    with pytest.raises(Crash):
        train(
            small_model(),
            tmp_path / "cut",
            save_every=save_every,
            data=data,
            more=[CrashAt(epoch=2, step=3)],
        )
    resumed = small_model()
    keras.utils.set_random_seed(99)
    resumed_history = train(resumed, tmp_path / "cut", save_every=save_every, data=data)
    assert largest_difference(whole, resumed) <= 1e-6
    assert resumed_history.epoch == list(range(EPOCHS))
    # The plateau callback acted, or the comparison would not show that it remembers.
    assert len(set(history.history["learning_rate"])) > 1
    for name, values in history.history.items():
        np.testing.assert_allclose(resumed_history.history[name], values, atol=1e-6, err_msg=name)


def test_what_recurrent_layers_remember_between_batches_is_kept(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 6, 3)).astype("float32")
    y = x.mean(axis=(1, 2))[:, np.newaxis]

    def recurrent():
        keras.utils.set_random_seed(0)
        inputs = keras.Input(batch_shape=(4, 6, 3))
        outputs = keras.layers.Dense(1)(keras.layers.LSTM(5, stateful=True)(inputs))
        model = keras.Model(inputs, outputs)
        model.compile("adam", "mse")
        return model

    def run(model, directory, *more):
        backup = Backup(directory, save_every=3)
        fit(
            model,
            x,
            y,
            batch_size=4,
            epochs=3,
            shuffle=False,
            verbose=0,
            callbacks=[backup, *more],
        )

    whole, resumed = recurrent(), recurrent()
    run(whole, tmp_path / "whole")
    with pytest.raises(Crash):
        run(recurrent(), tmp_path / "cut", CrashAt(epoch=1, step=7))
    run(resumed, tmp_path / "cut")
    assert largest_difference(whole, resumed) == 0
    states = [model.layers[1].states for model in (whole, resumed)]
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.abs(np.asarray(one)).max() > 0.01


def test_crash_in_the_first_epoch_before_any_backup_starts_anew(tmp_path):
    whole = small_model()
    train(whole, tmp_path / "whole")
    with pytest.raises(Crash):
        train(small_model(), tmp_path / "cut", more=[CrashAt(epoch=0, step=1)])
    resumed = small_model()
    assert train(resumed, tmp_path / "cut").epoch == list(range(EPOCHS))
    assert largest_difference(whole, resumed) <= 1e-6


def test_finished_run_is_not_trained_again_but_may_be_trained_further(tmp_path):
    first = small_model()
    train(first, tmp_path, epochs=2)
    again = small_model()
    assert train(again, tmp_path, epochs=2).epoch == [0, 1]
    assert largest_difference(first, again) == 0
    assert train(small_model(), tmp_path, epochs=3).epoch == [0, 1, 2]


def test_run_stopped_early_stays_stopped(tmp_path):
    stop = keras.callbacks.EarlyStopping("loss", patience=1, min_delta=9.0)
    epochs = train(small_model(), tmp_path, more=[stop]).epoch
    assert len(epochs) < EPOCHS
    stop = keras.callbacks.EarlyStopping("loss", patience=1, min_delta=9.0)
    assert train(small_model(), tmp_path, more=[stop]).epoch == epochs


@pytest.mark.parametrize("append", [False, True])
def test_csv_log_holds_every_epoch_once(tmp_path, append):
    path = tmp_path / "log.csv"

    class CrashAfterLogging(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise Crash

    log = keras.callbacks.CSVLogger(path, append=append)
    with pytest.raises(Crash):
        train(small_model(), tmp_path, more=[log, CrashAfterLogging()])
    train(small_model(), tmp_path, more=[keras.callbacks.CSVLogger(path, append=append)])
    with path.open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2", "3"]


def test_averaged_weights_are_put_in_place_at_the_end_alone(tmp_path):
    def optimizer():
        return keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)

    plain = small_model(optimizer(), dropout=0.0)
    plain.fit(X, Y, batch_size=10, epochs=3, shuffle=False, verbose=0)
    backed = small_model(optimizer(), dropout=0.0)
    fit(
        backed,
        X,
        Y,
        batch_size=10,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=[Backup(tmp_path)],
    )
    assert largest_difference(plain, backed) <= 1e-6
    again = small_model(optimizer(), dropout=0.0)
    fit(again, X, Y, batch_size=10, epochs=3, verbose=0, callbacks=[Backup(tmp_path)])
    assert largest_difference(plain, again) <= 1e-6


def test_steps_of_an_endless_dataset(tmp_path):
    endless = tf.data.Dataset.from_tensor_slices((X, Y)).repeat().batch(10)

    def run(model, directory, *more):
        return fit(
            model,
            endless,
            epochs=3,
            steps_per_epoch=7,
            verbose=0,
            callbacks=[Backup(directory, save_every=3), *more],
        )

    whole = small_model()
    run(whole, tmp_path / "whole")
    with pytest.raises(Crash):
        run(small_model(), tmp_path / "cut", CrashAt(epoch=1, step=4))
    resumed = small_model()
    assert run(resumed, tmp_path / "cut").epoch == [0, 1, 2]
    assert largest_difference(whole, resumed) <= 1e-6


def test_without_a_backup_it_is_model_fit():
    direct, ours = small_model(), small_model()
    keras.utils.set_random_seed(2)
    expected = direct.fit(X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    keras.utils.set_random_seed(2)
    history = fit(ours, X, Y, batch_size=10, epochs=2, shuffle=False, verbose=0)
    assert history.history == expected.history
    assert largest_difference(direct, ours) == 0
