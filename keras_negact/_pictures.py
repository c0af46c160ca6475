"""Figures of matplotlib, made and saved alike everywhere."""

import io
import os
import pathlib

from keras_negact import _files
from keras_negact._extras import require


def new_figure(width: float, height: float):
    """A figure of its own, in inches: pyplot's, and the backend that it chose, are the caller's."""
    figures = require("matplotlib.figure", "plot")
    return figures.Figure(figsize=(width, height), layout="constrained")


def save(figure, path: str | os.PathLike) -> None:
    """Write a figure in the format that the file's name says, whole or not at all."""
    path, content = pathlib.Path(path), io.BytesIO()
    figure.savefig(content, dpi=130, format=path.suffix[1:])
    _files.replace(path, content.getvalue())
