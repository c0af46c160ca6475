"""Errors that are one sentence on the terminal, with the traceback in a file that it names."""

import os
import sys
import tempfile
import traceback


def in_one_sentence(error: BaseException) -> str:
    """What an error says, and the file in the temporary directory that its traceback now is in."""
    return f"{str(error).rstrip('.')}. The traceback is in {_kept(error)}."


def shown_in_one_sentence(error: Exception) -> Exception:
    """The error, which Python shows in one sentence if nobody catches it."""
    before = sys.excepthook

    def show(kind, raised, trace):
        if raised is error:
            print(in_one_sentence(error), file=sys.stderr, flush=True)
        else:
            before(kind, raised, trace)

    sys.excepthook = show
    return error


def _kept(error: BaseException) -> str:
    try:
        descriptor, path = tempfile.mkstemp(prefix="keras_negact-traceback-", suffix=".txt")
        with os.fdopen(descriptor, "w") as file:
            file.write("".join(traceback.format_exception(error)))
    except OSError as failure:
        return f"no file ({failure.strerror})"
    return path
