"""A search by a chief and two workers over a small network: DIRECTORY TRIALS."""

import os
import sys

from keras_negact.tuning import RandomSearch, run_chief_and_workers
from tests.support.tuning import compile_arguments, digits, hyper_model


def main(directory: str, trials: int) -> None:
    if "KERASTUNER_TUNER_ID" not in os.environ:
        run_chief_and_workers([sys.executable, *sys.argv], 2, directory)
        return
    tuner = RandomSearch(
        hyper_model(compile={**compile_arguments(), "run_eagerly": True}),
        max_trials=trials,
        seed=0,
        directory=directory,
    )
    images, labels = digits(100)
    tuner.search(images, labels, batch_size=20, epochs=2, validation_data=(images, labels))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
