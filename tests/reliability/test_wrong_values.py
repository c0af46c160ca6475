"""Every public argument, given what it must not be: refused by name, before any work.

The table has a row for every argument of every public function and class. An argument that
is added without a row fails `test_every_public_argument_has_a_row`.
"""

import importlib
import inspect

import pytest

from tests.reliability.wrong_values import NOT_CHECKED, PUBLIC_MODULES, ROWS
from tests.reliability.wrong_values.row import call
from tests.support.backends import tensorflow_only

pytestmark = tensorflow_only


def public_arguments():
    """`module.name.argument` of everything that is public and can be called."""
    found = set()
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            public = getattr(module, name)
            if not callable(public) or f"{module_name}.{name}" in NOT_CHECKED:
                continue
            target = public.__init__ if inspect.isclass(public) else public
            for argument, parameter in inspect.signature(target).parameters.items():
                if argument != "self" and parameter.kind not in (
                    inspect.Parameter.VAR_POSITIONAL,
                    inspect.Parameter.VAR_KEYWORD,
                ):
                    found.add(f"{public.__module__.split('.')[1]}.{name}.{argument}")
    return found


def test_every_public_argument_has_a_row():
    rows = {f"{row.where}.{row.argument}" for row in ROWS}
    allowed = {name for name in NOT_CHECKED if name.count(".") == 2}
    assert public_arguments() - rows - allowed == set()


@pytest.mark.parametrize(
    ("row", "value"),
    [
        pytest.param(row, value, id=f"{row.where}-{row.argument}-{number}")
        for row in ROWS
        for number, value in enumerate(row.wrong)
    ],
)
def test_is_refused_by_name_before_any_work(row, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, TypeError)) as caught:
        call(row, value)
    message = str(caught.value)
    assert row.argument in message, message
    assert "Received" in message, message
    assert list(tmp_path.iterdir()) == []
