"""What CONTRIBUTING says of the code."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
SAID = re.findall(
    r"`(\w+)` is\s+(\d+)\s+lines\s+(?:in\s+`([\w/.]+)`|there)",
    (ROOT / "CONTRIBUTING.md").read_text(),
)


def registered(node) -> set[str]:
    """The names that a definition goes by: its own, and those of the classes it is a rule of."""
    classes = [arg for each in node.decorator_list for arg in getattr(each, "args", [])]
    return {node.name, *(arg.attr for arg in classes if isinstance(arg, ast.Attribute))}


def test_there_is_something_to_check():
    assert len(SAID) == 7


@pytest.mark.parametrize("number", range(len(SAID)))
def test_a_rule_costs_so_many_lines(number):
    name, lines, _ = SAID[number]
    file = next(one[2] for one in reversed(SAID[: number + 1]) if one[2])
    tree = ast.parse((ROOT / "keras_negact" / file).read_text())
    found = [
        node.end_lineno - min([node.lineno, *(each.lineno for each in node.decorator_list)]) + 1
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and name in registered(node)
    ]
    assert found == [int(lines)]


def modules_imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{one.name}" for one in node.names)
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)


@pytest.mark.parametrize("part", ["layers", "graph"])
def test_what_surgery_is_built_on_knows_nothing_of_it(part):
    files = sorted((ROOT / "keras_negact" / part).rglob("*.py"))
    assert files
    above = ("surgery", "tuning", "comparison", "analysis", "training", "datasets", "models")
    parts = tuple(f"keras_negact.{one}" for one in above)
    known = {
        (f.name, name) for f in files for name in modules_imported(f) if name.startswith(parts)
    }
    assert known == set()
