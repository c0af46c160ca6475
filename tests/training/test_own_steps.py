"""Models with a `train_step` of their own train as by `Model.fit`, backups included."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_negact.training import Backup, fit
from tests.support.own_steps import (
    Adversarial,
    AdversarialOfFixedSize,
    AdversarialWithOptimizersWithin,
    Encoding,
    PlainValues,
    X,
)
from tests.support.small_training import Crash, CrashAt, largest_difference

KINDS = {
    "adversarial": Adversarial,
    "fixed": AdversarialOfFixedSize,
    "within": AdversarialWithOptimizersWithin,
    "encoding": Encoding,
    "plain": lambda: (keras.utils.set_random_seed(1), PlainValues())[1],
}


@pytest.mark.parametrize("kind", KINDS)
def test_as_model_fit_with_a_backup_and_interrupted(tmp_path, kind):
    def model():
        one = KINDS[kind]()
        adversarial = isinstance(one, Adversarial)
        one.compile() if adversarial else one.compile(keras.optimizers.Adam(0.01))
        return one

    data = {"x": X, "batch_size": 10}
    if kind == "fixed":
        data = {"x": tf.data.Dataset.from_tensor_slices(X).batch(10, drop_remainder=True)}

    def trained(folder=None, *callbacks):
        one = model()
        backups = [] if folder is None else [Backup(tmp_path / folder, save_every=2)]
        fit(
            one, **data, epochs=3, shuffle=False, verbose=0,
            callbacks=[*backups, *callbacks],
        )  # fmt: skip
        return one

    expected = model()
    history = expected.fit(**data, epochs=3, shuffle=False, verbose=0).history
    with pytest.raises(Crash):
        trained("cut", CrashAt(epoch=1, step=3))
    for found in (trained(), trained("whole"), trained("cut")):
        assert largest_difference(expected, found) <= 1e-6
        assert found.history.history.keys() == history.keys()
        for name, values in history.items():
            np.testing.assert_allclose(found.history.history[name], values, atol=1e-6)


def eagerly(kind, folder, *callbacks):
    model = KINDS[kind]()
    more = () if isinstance(model, Adversarial) else (keras.optimizers.Adam(0.01),)
    model.compile(*more, run_eagerly=True)
    callbacks = [Backup(folder, save_every=2), *callbacks]
    fit(model, X, batch_size=10, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
    return model


@pytest.mark.parametrize("kind", ["encoding", "plain"])
def test_eager_steps_go_on_although_they_make_the_variables(tmp_path, kind):
    whole = eagerly(kind, tmp_path / "whole")
    with pytest.raises(Crash):
        eagerly(kind, tmp_path / "cut", CrashAt(epoch=1, step=3))
    assert largest_difference(whole, eagerly(kind, tmp_path / "cut")) == 0


def test_what_only_an_eager_step_can_make_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(Crash):
        eagerly("adversarial", tmp_path, CrashAt(epoch=1, step=3))
    with pytest.raises(ValueError, match="Make them before `fit`: call the model on a batch, and"):
        eagerly("adversarial", tmp_path)
