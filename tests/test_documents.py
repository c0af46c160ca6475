"""The files that README and the pages of the site name, and link to, are there."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"(?<![\w/.])(?:\.ci|benchmarks|docs|examples|keras_negact|tests)/[\w./*-]*\w")
LINKED = re.compile(r"\]\((?!https?:|#)([^)#]+)")
# What the reader puts something else for.
PLACEHOLDER = re.compile("[A-Z]{4}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_is_there(page):
    text = page.read_text()
    named = [name for name in NAMED.findall(text) if not PLACEHOLDER.search(name)]
    assert [name for name in named if not any(ROOT.glob(name))] == []
    assert [link for link in LINKED.findall(text) if not (page.parent / link).exists()] == []
