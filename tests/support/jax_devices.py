"""A script for JAX on two devices of the CPU: what trains over both, and what is refused.

KERAS_BACKEND=jax XLA_FLAGS=--xla_force_host_platform_device_count=2 python jax_devices.py
"""

import json
import tempfile

import keras

from keras_negact.training import Backup, fit
from tests.support.small_training import largest_difference, small_data

X, Y = small_data(examples=52)


class InMemory(keras.utils.PyDataset):
    def __init__(self, examples: int, batch: int):
        super().__init__()
        self.examples, self.batch = examples, batch

    def __len__(self):
        return -(-self.examples // self.batch)

    def __getitem__(self, index):
        chosen = slice(index * self.batch, min((index + 1) * self.batch, self.examples))
        return X[chosen], Y[chosen]


class Steps(keras.callbacks.Callback):
    taken = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.taken += 1


# Over two devices; the last batch of the even ones is as small as it may be.
EVEN = {
    "arrays": {"x": X, "y": Y, "batch_size": 10},
    "split": {"x": X, "y": Y, "batch_size": 10, "validation_split": 0.5},
    "steps": {"x": X, "y": Y, "steps_per_epoch": 7},
    "PyDataset": {"x": InMemory(52, 10)},
    "function": {"x": lambda epoch: InMemory(52, 10)},
}
UNEVEN = {
    "batch": {"x": X, "y": Y, "batch_size": 13},
    "last batch": {"x": X[:51], "y": Y[:51], "batch_size": 10},
    "split": {"x": X, "y": Y, "batch_size": 10, "validation_split": 0.25},
    "steps": {"x": X, "y": Y, "steps_per_epoch": 4},
    "PyDataset": {"x": InMemory(51, 10)},
    "function": {"x": lambda epoch: InMemory(51, 10)},
    "validation": {**EVEN["arrays"], "validation_data": (X[:9], Y[:9])},
}


def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    model.compile(
        keras.optimizers.SGD(0.05, 0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def trained(arguments: dict, *callbacks) -> keras.Model:
    model = network()
    fit(model, **arguments, epochs=2, shuffle=False, verbose=0, callbacks=list(callbacks))
    return model


def refusal(arguments: dict) -> list:
    steps = Steps()
    try:
        trained(arguments, steps)
    except ValueError as error:
        return [str(error), steps.taken]
    return ["not refused", steps.taken]


def main() -> None:
    alone = {name: trained(arguments) for name, arguments in EVEN.items()}
    devices = keras.distribution.list_devices()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    )
    found: dict = {"devices": len(devices), "even": {}, "backup": {}}
    for name, arguments in EVEN.items():
        model = trained(arguments)
        over = len(model.trainable_variables[0].value.sharding.device_set)
        found["even"][name] = [largest_difference(alone[name], model), over]
        with tempfile.TemporaryDirectory() as folder:
            model = trained(arguments, Backup(folder, save_every=2))
        found["backup"][name] = largest_difference(alone[name], model)
    found["uneven"] = {name: refusal(arguments) for name, arguments in UNEVEN.items()}
    print("FOUND " + json.dumps(found))


if __name__ == "__main__":
    main()
