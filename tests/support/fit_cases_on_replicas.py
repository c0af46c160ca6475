"""A script on two logical devices: what `fit` makes of cases there, against `Model.fit` on one.

python fit_cases_on_replicas.py CASE,CASE
"""

import json
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_negact.training import Backup, fit, make_strategy
from tests.support.fit_cases import CASES, EPOCHS, Losses, by_model_fit, difference, differences
from tests.support.small_training import Crash, CrashAt


def compared(strategy, name: str) -> list[float]:
    """The largest differences: plain, by step, interrupted and resumed."""
    case = CASES[name]
    expected, expected_losses = by_model_fit(case)

    def trained(*callbacks):
        with strategy.scope():
            model = case.model()
        arguments = {**case.arguments(), "epochs": EPOCHS, "shuffle": False, "verbose": 0}
        fit(model, **arguments, callbacks=list(callbacks))
        return model

    losses = Losses()
    found = [differences(expected, trained(losses))]
    assert losses.steps == expected_losses.steps
    found.append(difference(expected_losses.values, losses.values))
    with tempfile.TemporaryDirectory() as folder:
        try:
            trained(Backup(folder, save_every=1), CrashAt(epoch=1, step=1))
            raise AssertionError("did not crash")
        except Crash:
            pass
        found.append(differences(expected, trained(Backup(folder, save_every=1))))
    return found


if __name__ == "__main__":
    # Before the cases are made: they hold tensors, and devices are divided before that.
    strategy = make_strategy("mirrored", 2)
    names = sys.argv[1].split(",")
    print("FOUND " + json.dumps({name: compared(strategy, name) for name in names}))
