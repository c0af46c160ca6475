"""The private names of keras-tuner."""

import ast
import pathlib
import re

import keras_tuner
import pytest

from keras_negact import tuning
from keras_negact.tuning._keras_tuner import PRIVATE_NAMES, _check


def test_every_private_name_of_keras_tuner_that_is_used_is_looked_at():
    named = {name for names in PRIVATE_NAMES.values() for name in names if _is_private(name)}
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


def test_every_inner_module_of_keras_tuner_that_is_used_is_looked_at():
    named = {
        f"keras_tuner.{owner}.{name}" for owner in PRIVATE_NAMES for name in PRIVATE_NAMES[owner]
    }
    files = pathlib.Path(tuning.__file__).parent.glob("*/*.py")
    inner = {
        ast.unparse(node)
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
        and re.fullmatch(r"keras_tuner\.engine\.\w+\.\w+", ast.unparse(node))
    }
    assert inner == {name for name in named if ".engine." in name}


def test_the_import_fails_by_name_where_one_is_missing(monkeypatch):
    monkeypatch.delattr(keras_tuner.engine.trial, "Trial")
    with pytest.raises(ImportError, match=r"has no `engine\.trial\.Trial`"):
        _check()


def _is_private(name):
    return name.startswith("_") and not name.startswith("__")
