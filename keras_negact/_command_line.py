"""Commands that answer what is wrong with one sentence: the package's checks for `argparse`."""

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from keras_negact import _checks
from keras_negact._ownership import FolderInUse
from keras_negact._tracebacks import in_one_sentence


def integer(minimum: int | None = None, maximum: int | None = None) -> Callable[[str], int]:
    """A `type` of an argument: an integer within the range."""
    return _type(int, lambda value: _checks.integer("", value, minimum, maximum))


def number(above: float | None = None, maximum: float | None = None) -> Callable[[str], float]:
    """A `type` of an argument: a finite number within the range."""
    return _type(float, lambda value: _checks.number("", value, maximum=maximum, above=above))


@contextlib.contextmanager
def refusing(*more: type[Exception]) -> Iterator[None]:
    """End the command with one sentence and the status 2 if what it was given is refused within.

    Args:
        more: errors that mean so beside those of values, files and what is not installed.
    """
    with _ending(2, ValueError, OSError, ImportError, FolderInUse, *more):
        yield


@contextlib.contextmanager
def stopping(*more: type[Exception]) -> Iterator[None]:
    """End the command with one sentence and the status 1 if files or peers are lost within.

    The traceback goes to a file, which the sentence names.

    Args:
        more: errors that mean so beside those of the operating system.
    """
    with _ending(1, OSError, FolderInUse, *more):
        yield


@contextlib.contextmanager
def _ending(status: int, *errors: type[Exception]) -> Iterator[None]:
    try:
        yield
    except errors as error:
        sentence = in_one_sentence(error) if status == 1 else error
        print(f"{pathlib.Path(sys.argv[0]).name}: error: {sentence}", file=sys.stderr)
        raise SystemExit(status) from error


def _type(kind: type, checked: Callable) -> Callable[[str], Any]:
    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = text
        try:
            return checked(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error).removeprefix("`` ")) from None

    return parse
