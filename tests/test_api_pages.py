"""Every public name has its place on the site's API pages."""

import importlib
import pathlib
import re

import pytest

PAGES = pathlib.Path(__file__).parents[1] / "docs" / "api"
PARTS = ("analysis", "comparison", "datasets", "layers", "models", "surgery", "training", "tuning")


def names_on_pages() -> set[str]:
    text = "\n".join(page.read_text() for page in sorted(PAGES.glob("*.md")))
    shown = set(re.findall(r"^::: keras_negact\.([\w.]+)$", text, re.M))
    # A function that shares its module's name has to be called by both.
    return {re.sub(r"\b(\w+)\.\1$", r"\1", name) for name in shown}


@pytest.mark.parametrize("part", PARTS)
def test_every_public_name_is_on_a_page(part):
    module = importlib.import_module(f"keras_negact.{part}")
    shown = {name.rpartition(".")[2] for name in names_on_pages()}
    assert set(module.__all__) <= shown


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_no_page_shows_a_module(page):
    for name in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.M):
        path = PAGES.parents[1].joinpath(*name.split("."))
        assert not path.with_suffix(".py").exists(), name


def test_pages_show_public_names_alone():
    public = {"keras_negact": set(importlib.import_module("keras_negact").__all__)}
    for part in PARTS:
        public[part] = set(importlib.import_module(f"keras_negact.{part}").__all__)
    for name in names_on_pages():
        part, _, rest = name.rpartition(".")
        assert rest in public[part or "keras_negact"], name
