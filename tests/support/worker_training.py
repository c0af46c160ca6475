"""A script for one worker, or for one process alone: trains small networks and writes what came
out.

    python worker_training.py STRATEGY OUTPUT_DIRECTORY CASE,CASE
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from keras_negact import LENI, OnOffReLU
from keras_negact.training import evaluate, fit, is_chief, make_strategy

# A prime number of examples: the last batch of 16 is a single one, less than one for each replica.
EXAMPLES, BATCH, EPOCHS = 97, 16, 3
CASES = {
    "relu": (keras.layers.ReLU, lambda: keras.optimizers.SGD(0.05, 0.9)),
    "leni": (LENI, lambda: keras.optimizers.SGD(0.05, 0.9, clipnorm=0.5)),
    "on_off_relu": (OnOffReLU, lambda: keras.optimizers.Adam(1e-3)),
}


def images(examples: int = EXAMPLES) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    x = generator.normal(size=(examples, 6, 6, 3)).astype("float32")
    return x, generator.integers(0, 3, examples)


def network(activation, optimizer, synchronized=True) -> keras.Model:
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(4, 3, kernel_regularizer="l2"),
            keras.layers.BatchNormalization(synchronized=synchronized, momentum=0.9),
            activation(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        weighted_metrics=[keras.metrics.SparseCategoricalCrossentropy(from_logits=True)],
    )
    return model


def train_all(strategy, cases) -> tuple[dict, dict]:
    """Train the networks of `cases`.

    Returns:
        Losses by step, history and evaluation by case; weights by case and number.
    """
    x, y = images()
    weight = np.linspace(0.5, 2.0, EXAMPLES).astype("float32")
    results, weights = {}, {}
    for case in cases:
        activation, optimizer = CASES[case]
        with strategy.scope():
            model = network(activation, optimizer())
        losses: list[float] = []
        history = fit(
            model,
            x,
            y,
            sample_weight=weight,
            batch_size=BATCH,
            epochs=EPOCHS,
            verbose=0,
            validation_data=(x[:33], y[:33]),
            callbacks=[
                keras.callbacks.LambdaCallback(
                    on_train_batch_end=lambda step, logs, into=losses: into.append(logs["loss"])
                )
            ],
        )
        results[case] = {
            "losses": losses,
            "history": history.history,
            "evaluation": evaluate(model, x, y, batch_size=20, verbose=0, return_dict=True),
        }
        weights |= {f"{case}/{i}": value for i, value in enumerate(model.get_weights())}
    return results, weights


def main(name: str, directory: str, cases: str) -> None:
    strategy = make_strategy(name, 2 if name == "mirrored" else None)
    results, weights = train_all(strategy, cases.split(","))
    worker = (
        json.loads(os.environ["TF_CONFIG"])["task"]["index"] if "TF_CONFIG" in os.environ else 0
    )
    assert is_chief() == (worker == 0)
    folder = pathlib.Path(directory)
    np.savez(folder / f"weights{worker}.npz", **weights)
    (folder / f"results{worker}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
