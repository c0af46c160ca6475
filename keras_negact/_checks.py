"""What every public function asks of its arguments, before any work.

Each check returns the argument as the function should use it, or raises a `ValueError` that says
what is allowed and what was received.
"""

import inspect
import math
import numbers
import operator
import os
import pathlib
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

_LONGEST = 300  # Signs of what was received that an error shows.
_LARGEST = 2**63 - 1  # What arrays and the systems below count with.
_LARGEST_REAL = 3.4e38  # What single precision holds.


def refused(name: str, allowed: str, received: Any) -> ValueError:
    """The error for an argument that is not what it must be."""
    shown = repr(received)
    shown = shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "..."
    return ValueError(f"`{name}` must be {allowed}. Received: {shown}")


def integer(name: str, value: Any, minimum: int | None = None, maximum: int | None = None) -> int:
    """An integer (NumPy's too, a truth value not) within the range."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise refused(name, "an integer" + _range(minimum, maximum), value) from None
    if _outside(number, minimum, maximum):
        raise refused(name, "an integer" + _range(minimum, maximum), value)
    if abs(number) > _LARGEST:
        raise refused(name, "an integer of 64 bits", value)
    return number


def number(
    name: str,
    value: Any,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
) -> float:
    """A finite real number within the range; `above` is a bound that is not allowed itself."""
    text = "a finite number" + _range(minimum, maximum)
    if above is not None:
        text += f" above {above}"
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    # `math.isfinite` fails for integers beyond double precision. NaN is below nothing.
    if not (is_real and abs(value) < math.inf) or _outside(value, minimum, maximum):
        raise refused(name, text, value)
    if abs(value) > _LARGEST_REAL:
        raise refused(name, "a number that single precision holds", value)
    if above is not None and value <= above:
        raise refused(name, text, value)
    return float(value)


def flag(name: str, value: Any) -> bool:
    """`True` or `False`, and nothing that is merely true or false."""
    if not isinstance(value, bool):
        raise refused(name, "True or False", value)
    return value


def one_of(name: str, value: Any, allowed: Iterable) -> Any:
    """One of the values allowed."""
    allowed = tuple(allowed)
    if not any(value is one or (type(value) is type(one) and value == one) for one in allowed):
        raise refused(name, "one of " + ", ".join(map(repr, allowed)), value)
    return value


def verbosity(value: Any) -> int | str:
    """What `verbose` may be: `"auto"`, 0, 1, 2, or a truth value, which stands for 1 or 0."""
    value = one_of("verbose", value, ("auto", 0, 1, 2, False, True))
    return value if value == "auto" else int(value)


def text(name: str, value: Any) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise refused(name, "a string that is not empty", value)
    return value


def file_name(name: str, value: Any, longest: int = 100) -> str:
    """The name of one file or folder: no path, nothing that a file system or a table trips over."""
    is_name = isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()
    if not is_name or value in (".", "..") or any(sign in value for sign in "/\\\0"):
        allowed = f"a name of at most {longest} printable characters without a slash"
        raise refused(name, allowed, value)
    return value


def function(name: str, value: Any, arguments: int | None = None) -> Callable:
    """A callable, and one that can be called with so many positional arguments if told."""
    if not callable(value):
        raise refused(name, "a function", value)
    if arguments is not None:
        try:
            inspect.signature(value).bind(*range(arguments))
        except TypeError:
            raise refused(name, f"a function of {arguments} arguments", value) from None
        except ValueError:
            pass  # Some built-in functions do not tell their signature.
    return value


def instance(name: str, value: Any, *kinds: type) -> Any:
    """An instance of one of the classes."""
    if not isinstance(value, kinds):
        raise refused(name, " or ".join(f"a {kind.__name__}" for kind in kinds), value)
    return value


def path(name: str, value: Any, what: str) -> pathlib.Path:
    """The path of a file or a folder, as `what` says; it need not be there."""
    is_path = isinstance(value, (str, os.PathLike)) and os.fspath(value)
    if not is_path or "\0" in str(value):
        raise refused(name, f"the path of {what}", value)
    return pathlib.Path(value)


def writable_folder(name: str, value: Any) -> pathlib.Path:
    """A folder that files can be written to; made if it is not there."""
    folder = path(name, value, "a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(
            f"`{name}` must be a folder that can be written to. Received: {str(value)!r} ({reason})"
        ) from error
    return folder


def writable_file(name: str, value: Any) -> pathlib.Path:
    """The path of a file in a folder that is there and can be written to."""
    file = path(name, value, "a file")
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK) or file.is_dir():
        raise refused(name, "the path of a file in a folder that can be written to", str(value))
    return file


def _outside(value, minimum, maximum) -> bool:
    return (minimum is not None and value < minimum) or (maximum is not None and value > maximum)


def _range(minimum, maximum) -> str:
    if minimum is not None and maximum is not None:
        return f" from {minimum} to {maximum}"
    if minimum is not None:
        return f" of at least {minimum}"
    return "" if maximum is None else f" of at most {maximum}"
