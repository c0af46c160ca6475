"""The table of wrong values: for every public argument, what must be refused.

A file for each part of the package. Each has `ROWS`, and in `NOT_CHECKED` what is public and not
called by users, and arguments that only Keras itself can judge.
"""

from tests.reliability.wrong_values import (
    analysis,
    comparison,
    datasets,
    layers,
    models,
    surgery,
    training,
    tuning,
)

PARTS = (layers, surgery, comparison, training, models, analysis, tuning, datasets)
PUBLIC_MODULES = tuple(f"keras_negact.{part.__name__.rpartition('.')[2]}" for part in PARTS)
ROWS = [row for part in PARTS for row in part.ROWS]
NOT_CHECKED = {name for part in PARTS for name in part.NOT_CHECKED}
