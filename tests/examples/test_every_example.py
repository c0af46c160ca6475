"""What all examples have in common."""

import ast
import pathlib
import re

import pytest

from tests.test_public import PUBLIC

EXAMPLES = sorted((pathlib.Path(__file__).resolve().parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_quiet_and_uses_the_public_names_alone(path):
    text = path.read_text()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("keras_negact"):
            assert {alias.name for alias in node.names} <= set(PUBLIC[node.module])
    # Before anything imports TensorFlow.
    quiet = text.index('os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")')
    assert quiet < re.search(r"^(import|from) (keras|tensorflow)", text, re.MULTILINE).start()
