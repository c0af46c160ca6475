"""Ten corruptions of images at five strengths, in NumPy alone.

In the spirit of Hendrycks and Dietterich, *Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations*, ICLR 2019, with strengths of our own for images of 32 x 32.
"""

from collections.abc import Callable

import numpy as np

STRENGTHS = 5


def corrupted(images: np.ndarray, name: str, strength: int, seed: int = 0) -> np.ndarray:
    """Corrupt images.

    Args:
        images: uint8 `(count, height, width, channels)`.
        name: one of `CORRUPTIONS`.
        strength: from 1 to 5.
        seed: of what is drawn, a draw for each image.

    Returns:
        uint8 images of the same shape.
    """
    function, values = CORRUPTIONS[name]
    generator = np.random.default_rng([seed, strength])
    parts = np.array_split(images, max(1, len(images) // 1_000))
    return np.concatenate([_bytes(function(x, values[strength - 1], generator)) for x in parts])


def _bytes(values):
    return np.rint(np.clip(values, 0, 255)).astype("uint8")


def _noise(x, deviation, generator):
    return x + generator.normal(0, deviation, x.shape).astype("float32")


def _impulses(x, part, generator):
    """Pixels that are black or white."""
    drawn = generator.random(x.shape[:-1])[..., np.newaxis]
    return np.where(drawn < part / 2, 0, np.where(drawn < part, 255, x))


def _contrast(x, factor, generator):
    mean = x.mean(axis=(1, 2), keepdims=True, dtype="float32")
    return mean + factor * (x - mean)


def _brightness(x, added, generator):
    return x.astype("float32") + added


def _inversion(x, part, generator):
    """On the way to the negative image."""
    return (1 - part) * x + part * (255 - x.astype("float32"))


def _blur(x, deviation, generator):
    """A Gaussian, edges repeated."""
    reach = int(np.ceil(3 * deviation))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    x = x.astype("float32")
    for axis in (1, 2):
        widths = [(reach, reach) if a == axis else (0, 0) for a in range(x.ndim)]
        padded = np.pad(x, widths, mode="edge")
        size = x.shape[axis]
        x = sum(
            np.float32(tap / taps.sum()) * np.take(padded, range(start, start + size), axis)
            for start, tap in enumerate(taps)
        )
    return x


def _pixels(x, side, generator):
    """Means over blocks; the last block of a row may be smaller."""
    for axis in (1, 2):
        starts = np.arange(0, x.shape[axis], side)
        lengths = np.diff([*starts, x.shape[axis]])
        shape = [-1 if a == axis else 1 for a in range(x.ndim)]
        sums = np.add.reduceat(x.astype("float32"), starts, axis)
        x = np.repeat(sums / lengths.reshape(shape), lengths, axis)
    return x


def _occlusion(x, side, generator):
    """A grey square somewhere."""
    x = x.copy()
    for image in x:
        top, left = generator.integers(0, np.array(image.shape[:2]) - side + 1)
        image[top : top + side, left : left + side] = 128
    return x


# Annex K of the JPEG standard (ITU-T T.81), tables K.1 and K.2.
_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMINANCE = np.full((8, 8), 99)
_CHROMINANCE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
_TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], "float32"
)


def _jpeg(x, quality, generator):
    """Quantized cosines of 8 x 8 blocks, without JPEG's subsampling of colors."""
    count, height, width, channels = x.shape
    if channels != 3 or height % 8 or width % 8:
        raise ValueError(f"Images must have 3 channels and sides that 8 divides. Got: {x.shape}")
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    tables = np.stack([_LUMINANCE, _CHROMINANCE, _CHROMINANCE], axis=-1)
    steps = np.clip(np.floor((tables * scale + 50) / 100), 1, 255).astype("float32")
    places = np.arange(8)
    cosines = np.cos(np.pi * (2 * places + 1) * places[:, np.newaxis] / 16) / 2
    cosines[0] /= np.sqrt(2)
    cosines = cosines.astype("float32")
    colors = (x.astype("float32") - 128) @ _TO_YCC.T
    blocks = colors.reshape(count, height // 8, 8, width // 8, 8, 3).swapaxes(2, 3)
    coefficients = np.einsum("ui,nyxijc,vj->nyxuvc", cosines, blocks, cosines, optimize=True)
    coefficients = np.rint(coefficients / steps) * steps
    blocks = np.einsum("ui,nyxuvc,vj->nyxijc", cosines, coefficients, cosines, optimize=True)
    colors = blocks.swapaxes(2, 3).reshape(x.shape)
    return colors @ np.linalg.inv(_TO_YCC).T + 128


CORRUPTIONS: dict[str, tuple[Callable, tuple]] = {
    "noise": (_noise, (8, 14, 20, 28, 38)),
    "impulses": (_impulses, (0.01, 0.03, 0.06, 0.1, 0.15)),
    "contrast": (_contrast, (0.7, 0.5, 0.35, 0.25, 0.15)),
    "brightness": (_brightness, (25, 50, 75, 100, 125)),
    "darkening": (_brightness, (-25, -50, -75, -100, -125)),
    "inversion": (_inversion, (0.15, 0.3, 0.7, 0.85, 1.0)),
    "blur": (_blur, (0.4, 0.6, 0.8, 1.0, 1.3)),
    "pixels": (_pixels, (2, 3, 4, 5, 6)),
    "occlusion": (_occlusion, (6, 9, 12, 15, 18)),
    "jpeg": (_jpeg, (60, 40, 25, 15, 8)),
}
"""From each name to the function and what it is given at strengths 1 to 5."""
