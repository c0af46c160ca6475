"""The page `docs/your-own-layers.md`, run as it stands."""

import pathlib
import re

from keras_negact import surgery

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "your-own-layers.md"


def test_the_page_runs():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 5
    names = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)


def test_register_refuses_what_is_no_layer():
    import pytest

    for given in ((), (int,), ("Dense",)):
        with pytest.raises(ValueError, match="Received"):
            surgery.register(*given)
