"""What all examples and notebooks have in common."""

import ast
import json
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
ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = sorted([*ROOT.glob("examples/*.py"), *ROOT.glob("docs/notebooks/*.ipynb")])


def code_of(path):
    if path.suffix == ".py":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_quiet_and_uses_the_public_names_alone(path):
    text = code_of(path)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        is_own = isinstance(node, ast.ImportFrom) and node.module.startswith("keras_negact")
        if is_own and node.module not in OF_COMMANDS:
            assert {alias.name for alias in node.names} <= set(PUBLIC[node.module])
    # Before anything imports TensorFlow.
    quiet = text.index('os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")')
    assert quiet < re.search(r"^(import|from) (keras|tensorflow)", text, re.MULTILINE).start()
