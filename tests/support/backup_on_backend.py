"""A script for JAX and PyTorch: trains in one go, and interrupted and resumed.

KERAS_BACKEND=jax python backup_on_backend.py
"""

import json
import tempfile

import keras

from keras_negact.comparison import array_data
from keras_negact.training import Backup, fit
from tests.support.small_training import Crash, CrashAt, largest_difference, small_data, small_model

X, Y = small_data()
EPOCHS = 3


def kinds() -> dict:
    images = X[:, :, None]
    data = array_data("some", (images, Y), (images, Y), (images, Y), 10, largest_shift=1)(0)

    def of_epoch(epoch):
        return Flat(data.train_at(epoch))

    return {
        "arrays": {"x": X, "y": Y, "batch_size": 10, "class_weight": {0: 2.0}},
        "in order": {"x": X, "y": Y, "batch_size": 10, "shuffle": False},
        "PyDataset": {"x": of_epoch(0)},
        "function": {"x": of_epoch},
        "steps": {"x": X, "y": Y, "batch_size": 10, "steps_per_epoch": 4},
    }


class Flat(keras.utils.PyDataset):
    def __init__(self, batches):
        super().__init__()
        self._batches = batches

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        x, y = self._batches[index]
        return x[..., 0], y


def compared(arguments: dict, epoch: int = 1, step: int = 1) -> dict:
    def trained(folder, *callbacks):
        # Dropout, so that the random state counts; momentum, so that the optimizer's does.
        model = small_model(keras.optimizers.SGD(0.05, 0.9))
        fit(
            model,
            **arguments,
            epochs=EPOCHS,
            verbose=0,
            validation_data=(X[:20], Y[:20]),
            callbacks=[Backup(folder, save_every=1), *callbacks],
        )
        return model

    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as cut:
        expected = trained(whole)
        try:
            trained(cut, CrashAt(epoch, step))
            raise AssertionError("did not crash")
        except Crash:
            pass
        found = trained(cut)
    return {
        "difference": largest_difference(expected, found),
        "losses": [expected.history.history["loss"], found.history.history["loss"]],
    }


def model_fit() -> float:
    """How far it is from `Model.fit`, in order."""
    models = [small_model(dropout=0.0) for _ in range(2)]
    arguments = {"batch_size": 10, "epochs": 2, "shuffle": False, "verbose": 0}
    models[0].fit(X, Y, **arguments)
    with tempfile.TemporaryDirectory() as folder:
        fit(models[1], X, Y, callbacks=[Backup(folder)], **arguments)
    return largest_difference(*models)


def averages() -> float:
    """How far from `Model.fit` an optimizer that averages weights ends, over two calls of it."""
    models = [
        small_model(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9), dropout=0.0)
        for _ in range(2)
    ]
    models[0].fit(X, Y, batch_size=10, epochs=3, shuffle=False, verbose=0)
    data = array_data("some", (X[:, :, None], Y), (X[:, :, None], Y), (X[:, :, None], Y), 10)(0)

    class InOrder(Flat):
        def __getitem__(self, index):
            return X[10 * index : 10 * index + 10], Y[10 * index : 10 * index + 10]

    fit(models[1], lambda epoch: InOrder(data.train_at(0)), epochs=3, verbose=0)
    return largest_difference(*models)


if __name__ == "__main__":
    result = {name: compared(arguments) for name, arguments in kinds().items()}
    # The last backup is that of the end of an epoch, and a pass begins with the next one.
    result["steps, at an end"] = compared(kinds()["steps"], epoch=2, step=0)
    result["model_fit"] = model_fit()
    result["averages"] = averages()
    print("FOUND " + json.dumps(result))
