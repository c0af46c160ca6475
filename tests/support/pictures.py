"""What a test can say of a picture."""

import pathlib

import numpy as np
from matplotlib import image


def assert_is_picture(path: pathlib.Path) -> None:
    """A file that decodes, is large enough to read, and shows more than its background."""
    pixels = image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 150
    background = np.all(pixels == pixels[0, 0], axis=-1)
    assert 0.02 < np.mean(~background) < 0.98
