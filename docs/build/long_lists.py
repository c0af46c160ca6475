"""Lets griffe read a list of arguments over several lines, `a, b,` and below it `c: text`."""

import re

import griffe

_BROKEN = re.compile(
    r"(?m)^( *(?:\*{0,2}\w+, )*\*{0,2}\w+,)\n +(?=(?:\*{0,2}\w+, )*\*{0,2}\w+[,:])"
)


class LongLists(griffe.Extension):
    """Joins those lines before the docstring is parsed."""

    def on_instance(self, *, obj, **kwargs) -> None:
        if obj.docstring is None:
            return
        before, text = None, obj.docstring.value
        while text != before:
            before, text = text, _BROKEN.sub(r"\1 ", text)
        obj.docstring.value = text
