"""Missing extras are named."""

import importlib.metadata
import importlib.util
import json
import sys

import pytest

from keras_negact._extras import require


def test_what_is_installed_is_imported():
    assert require("json", "data") is json
    assert require("importlib.metadata", "data") is sys.modules["importlib.metadata"]


@pytest.mark.parametrize("module", ["no_such_module", "no_such_module.inner", "json.no_such"])
def test_what_is_missing_is_named_with_its_extra(module):
    with pytest.raises(ImportError, match=rf"`{module}`.*`tune`.*keras_negact\[tune\]"):
        require(module, "tune")


def test_without_tensorflow_the_packages_themselves_are_named(monkeypatch):
    required = [
        "tensorflow>=2",
        'one>=1.4; extra == "tune"',
        'two; extra == "tune"',
        'three; extra == "data"',
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: required)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    # With the package would come TensorFlow.
    with pytest.raises(ImportError, match=r"`tune`: pip install 'one>=1.4' two$"):
        require("no_such_module", "tune")


def test_what_an_installed_module_misses_is_not_blamed_on_the_extra(tmp_path, monkeypatch):
    (tmp_path / "needs_another.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module") as caught:
        require("needs_another", "tune")
    assert caught.value.name == "no_such_module"
