"""The private names of keras-tuner."""

import ast
import pathlib

from keras_negact import tuning
from keras_negact.tuning._keras_tuner import PRIVATE_NAMES


def test_every_private_name_of_keras_tuner_that_is_used_is_looked_at():
    named = {name for names in PRIVATE_NAMES.values() for name in names}
    used, own = set(), set()
    for file in sorted(pathlib.Path(tuning.__file__).parent.glob("search/*.py")):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and _is_private(node.attr):
                owner = ast.unparse(node.value)
                if owner == "super()":
                    used.add(node.attr)
                elif owner == "self":
                    (own if isinstance(node.ctx, ast.Store) else used).add(node.attr)
            elif isinstance(node, ast.FunctionDef):
                own.add(node.name)
    assert used - own - named == set()
    # And none is looked at in vain.
    assert named <= used | own


def _is_private(name):
    return name.startswith("_") and not name.startswith("__")
