"""What all examples have in common."""

import ast
import pathlib
import re

import pytest

from tests.test_public import PUBLIC

# How all commands of the package answer what is wrong; the rest is what a user would write.
OF_COMMANDS = {
    "keras_negact._checks",
    "keras_negact._command_line",
    "keras_negact._extras",
    "keras_negact.models.by_name",
}
EXAMPLES = sorted((pathlib.Path(__file__).resolve().parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_quiet_and_uses_the_public_names_alone(path):
    text = path.read_text()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        is_own = isinstance(node, ast.ImportFrom) and node.module.startswith("keras_negact")
        if is_own and node.module not in OF_COMMANDS:
            assert {alias.name for alias in node.names} <= set(PUBLIC[node.module])
    # Before anything imports TensorFlow.
    quiet = text.index('os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")')
    assert quiet < re.search(r"^(import|from) (keras|tensorflow)", text, re.MULTILINE).start()
