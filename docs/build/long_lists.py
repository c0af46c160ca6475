"""Lets griffe read lists of arguments that go over several lines, `a, b,` and below `c: text`."""

import re

import griffe

_NAMES = r"(?:\*{0,2}\w+, )*\*{0,2}\w+"
_BROKEN = re.compile(rf"(?m)^( *{_NAMES},)\n +(?={_NAMES}[,:])")


class LongLists(griffe.Extension):
    """Joins those lines before the docstring is parsed."""

    def on_instance(self, *, obj, **kwargs) -> None:
        if obj.docstring is None:
            return
        before, text = None, obj.docstring.value
        while text != before:
            before, text = text, _BROKEN.sub(r"\1 ", text)
        obj.docstring.value = text
