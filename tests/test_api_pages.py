"""Every public name has its place on the site's API pages."""

import importlib
import pathlib
import re

import pytest

PAGES = pathlib.Path(__file__).parents[1] / "docs" / "api"
PARTS = ("analysis", "comparison", "datasets", "layers", "models", "surgery", "training", "tuning")


def names_on_pages() -> set[str]:
    text = "\n".join(page.read_text() for page in sorted(PAGES.glob("*.md")))
    return set(re.findall(r"^::: keras_negact\.([\w.]+)$", text, re.M))


@pytest.mark.parametrize("part", PARTS)
def test_every_public_name_is_on_a_page(part):
    module = importlib.import_module(f"keras_negact.{part}")
    shown = {name.rpartition(".")[2] for name in names_on_pages()}
    assert set(module.__all__) <= shown


def test_pages_show_public_names_alone():
    public = {"keras_negact": set(importlib.import_module("keras_negact").__all__)}
    for part in PARTS:
        public[part] = set(importlib.import_module(f"keras_negact.{part}").__all__)
    for name in names_on_pages():
        part, _, rest = name.rpartition(".")
        assert rest in public[part or "keras_negact"], name
