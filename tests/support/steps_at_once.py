"""A script on two replicas: training with several steps at once, against one at a time.

python steps_at_once.py mirrored
python -m keras_negact.launch --workers 2 steps_at_once.py multi_worker FOLDER
"""

import json
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from keras_negact.training import Backup, fit, is_chief, make_strategy
from tests.support.own_steps import PlainValues
from tests.support.own_steps import X as OWN_X
from tests.support.small_training import Crash, CrashAt, largest_difference, small_data

X, Y = small_data()
BATCH, EPOCHS, AT_ONCE = 10, 3, 4


def kinds() -> dict:
    """Arguments, and the step of the second epoch behind which a run is interrupted."""
    # The end is not known before it is there.
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH).filter(lambda *_: True)
    return {
        # 6 steps an epoch: 4 and 2.
        "arrays": ({"x": X, "y": Y, "batch_size": BATCH}, 5),
        # 5 steps an epoch, and after a pass of 6 too little is left for the second one.
        "too_few": ({"x": batches, "steps_per_epoch": 5}, 0),
    }


class Seen(keras.callbacks.Callback):
    """The numbers of the steps that callbacks are told of."""

    def __init__(self):
        super().__init__()
        self.begun, self.ended = [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.begun.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        self.ended.append(batch)


def network(at_once: int) -> keras.Model:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dropout(0.3), keras.layers.Dense(3, name="p")]
    )
    model.compile(
        keras.optimizers.SGD(0.05, 0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=at_once,
    )
    return model


def trained(strategy, arguments: dict, at_once: int, *callbacks) -> keras.Model:
    with strategy.scope():
        model = network(at_once)
    fit(
        model,
        **arguments,
        epochs=EPOCHS,
        verbose=0,
        shuffle=False,
        validation_data=(X[:20], Y[:20]),
        validation_batch_size=3,
        callbacks=list(callbacks),
    )
    return model


def compared(strategy, kind: str, folder: str) -> dict:
    (arguments, cut), seen = kinds()[kind], Seen()
    alone = trained(strategy, arguments, 1)
    together = trained(strategy, arguments, AT_ONCE, seen)
    try:
        trained(strategy, arguments, AT_ONCE, Backup(folder, save_every=1), CrashAt(1, cut))
        raise AssertionError("did not crash")
    except Crash:
        pass
    resumed = trained(strategy, arguments, AT_ONCE, Backup(folder, save_every=1))
    expected, found = alone.history.history, together.history.history
    return {
        "weights": largest_difference(alone, together),
        "resumed": largest_difference(alone, resumed),
        "history": max(float(np.abs(np.subtract(expected[k], found[k])).max()) for k in expected),
        "begun": seen.begun,
        "ended": seen.ended,
    }


def own_values(strategy) -> list[dict]:
    """What a step of the model's own returns, one at a time and several at once."""
    found = []
    for at_once in (1, AT_ONCE):
        with strategy.scope():
            model = PlainValues()
            model.compile("sgd", steps_per_execution=at_once)
            model.optimizer.build(model.trainable_variables)
        found.append(fit(model, OWN_X, batch_size=8, epochs=2, shuffle=False, verbose=0).history)
    return found


def divided(strategy) -> str:
    """Why several steps at once are refused where each worker has data of its own."""
    with strategy.scope():
        model = network(AT_ONCE)
    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH)
    try:
        fit(model, lambda epoch, worker, workers: batches, verbose=0)
    except ValueError as error:
        return str(error)
    return "not refused"


def main(name: str, folder: str | None = None) -> None:
    strategy = make_strategy(name, 2 if name == "mirrored" else None)
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        for kind in kinds():
            found[kind] = compared(strategy, kind, os.path.join(folder or temporary, kind))
    found["own_values"] = own_values(strategy)
    found["divided"] = divided(strategy)
    if is_chief():
        print("FOUND " + json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
