"""A script for one worker that may crash.

    python crashing_worker.py OUTPUT_DIRECTORY [WORKER:EPOCH:STEP:HOW]

`HOW` is `kill` (SIGKILL after that step), `kill-writing` (SIGKILL while that epoch's backup is
being written), `full` (from that epoch on, no file may grow), `slow` (steps take long, from that
one on).
"""

import json
import os
import pathlib
import resource
import signal
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from keras_negact import LENI
from keras_negact.training import Backup, fit, make_strategy
from tests.support.worker_training import BATCH, images, network

EPOCHS = 3
WORKER = json.loads(os.environ.get("TF_CONFIG", '{"task": {"index": 0}}'))["task"]["index"]


class Accident(keras.callbacks.Callback):
    def __init__(self, worker: str, epoch: str, step: str, how: str):
        super().__init__()
        self.mine = int(worker) == WORKER
        self.at = (int(epoch), int(step))
        self.how = how
        self.now = (0, 0)

    def on_epoch_begin(self, epoch, logs=None):
        self.now = (epoch, 0)
        if not self.mine or epoch != self.at[0]:
            return
        if self.how == "kill-writing":
            os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "full":
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))

    def on_train_batch_end(self, batch, logs=None):
        self.now = (self.now[0], batch)
        if not self.mine:
            return
        if self.how == "kill" and self.now == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "slow" and self.now >= self.at:
            print("slow now", flush=True)
            time.sleep(0.5)


def main(directory: str, accident: str | None = None) -> None:
    folder = pathlib.Path(directory)
    strategy = make_strategy("auto")
    x, y = images()
    with strategy.scope():
        model = network(LENI, keras.optimizers.Adam(1e-2), synchronized=False)
    history = fit(
        model,
        x,
        y,
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=2,
        validation_data=(x[:33], y[:33]),
        callbacks=[
            Backup(folder / "backup", save_every=2),
            keras.callbacks.CSVLogger(folder / "history.csv"),
            keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.5, factor=0.5),
            *([Accident(*accident.split(":"))] if accident else []),
        ],
    )
    np.savez(folder / f"weights{WORKER}.npz", *model.get_weights())
    (folder / f"history{WORKER}.json").write_text(json.dumps(history.epoch))


if __name__ == "__main__":
    main(*sys.argv[1:])
