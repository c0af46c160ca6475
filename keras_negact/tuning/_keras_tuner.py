"""keras-tuner, with a look at what is used here and is not public there.

Were one of them gone, what hangs on it (the budget, whole files, resuming) would silently do
nothing. So the import fails, by name, where one is missing.
"""

from keras_negact._extras import require

keras_tuner = require("keras_tuner", "tune")

PRIVATE_NAMES = {
    "Oracle": (
        "_compute_values_hash",
        "_duplicate",
        "_get_oracle_fname",
        "_get_trial_dir",
        "_random_values",
        "_retry_queue",
        "_save_trial",
    ),
    "GridSearchOracle": ("_compare", "_get_next_combination", "_ordered_ids", "_populate_next"),
    "HyperbandOracle": ("_brackets",),
    "BayesianOptimizationOracle": ("_nonfixed_space",),
    "Tuner": ("_get_checkpoint_fname", "_populate_initial_space"),
    # By its name not private, but of an inner module.
    "engine.trial": ("Trial",),
}
"""What is overridden or used, by the class or module that it belongs to."""


def _check() -> None:
    oracles = keras_tuner.oracles
    owners = {
        # Made, where some of the names are attributes of an instance.
        "Oracle": oracles.RandomSearchOracle(),
        "GridSearchOracle": oracles.GridSearchOracle(),
        "HyperbandOracle": oracles.HyperbandOracle(),
        # An instance would need scikit-learn.
        "BayesianOptimizationOracle": oracles.BayesianOptimizationOracle,
        "Tuner": keras_tuner.Tuner,
        "engine.trial": getattr(getattr(keras_tuner, "engine", None), "trial", None),
    }
    for owner, names in PRIVATE_NAMES.items():
        for name in names:
            if not hasattr(owners[owner], name):
                raise ImportError(
                    f"The installed keras-tuner has no `{owner}.{name}`, which "
                    "keras_negact.tuning needs: install keras-tuner>=1.4.6."
                )


_check()
