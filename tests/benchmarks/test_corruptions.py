"""Corrupted images against SciPy, and against what each corruption is called."""

import importlib
import itertools
import pathlib

import numpy as np
import pytest
from scipy import fft, ndimage

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = (
    *("noise", "impulses", "contrast", "brightness", "darkening"),
    *("inversion", "blur", "pixels", "occlusion", "jpeg"),
)


@pytest.fixture
def corruptions(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("_corruptions")


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(generator.normal(size=(6, 32, 32, 3)), (0, 2, 2, 0))
    return np.clip(128 + 300 * smooth, 0, 255).astype("uint8")


def strength_one_to_five(corruptions, images, name):
    return [corruptions.corrupted(images, name, strength) for strength in range(1, 6)]


@pytest.mark.parametrize("name", NAMES)
def test_each_strength_is_further_from_the_image_than_the_one_before(corruptions, images, name):
    assert set(NAMES) == set(corruptions.CORRUPTIONS)
    results = strength_one_to_five(corruptions, images, name)
    distances = [np.abs(x.astype(float) - images).mean() for x in results]
    assert distances[0] > 0
    assert all(one < other for one, other in itertools.pairwise(distances))
    assert {(x.dtype, x.shape) for x in results} == {(np.dtype("uint8"), images.shape)}
    again = corruptions.corrupted(images, name, 5)
    np.testing.assert_array_equal(results[-1], again)


def test_the_strongest_inversion_is_the_negative_image(corruptions, images):
    np.testing.assert_array_equal(corruptions.corrupted(images, "inversion", 5), 255 - images)


def test_blur_is_a_gaussian(corruptions, images):
    deviation = corruptions.CORRUPTIONS["blur"][1][4]
    reach = int(np.ceil(3 * deviation))
    expected = ndimage.gaussian_filter(
        images.astype(float),
        (0, deviation, deviation, 0),
        mode="nearest",
        radius=(0, reach, reach, 0),
    )
    difference = corruptions.corrupted(images, "blur", 5).astype(float) - expected
    assert np.abs(difference).max() < 0.51


def test_pixels_are_means_over_squares(corruptions, images):
    result = corruptions.corrupted(images, "pixels", 3)
    means = images.reshape(6, 8, 4, 8, 4, 3).mean(axis=(2, 4))
    assert np.abs(result[:, ::4, ::4] - means).max() < 0.51
    np.testing.assert_array_equal(result, result[:, ::4, ::4].repeat(4, 1).repeat(4, 2))


def test_jpeg_rounds_the_cosines_of_squares(corruptions, images):
    quality = corruptions.CORRUPTIONS["jpeg"][1][2]
    table = np.clip((corruptions._LUMINANCE * (5000 / quality) + 50) // 100, 1, 255)
    # Grey images have no colors, whose table is another.
    grey = np.repeat(images[..., :1], 3, axis=-1)
    result = corruptions.corrupted(grey, "jpeg", 3)
    block = grey[0, 8:16, 16:24, 0].astype(float) - 128
    cosines = table * np.rint(fft.dctn(block, norm="ortho") / table)
    expected = np.clip(fft.idctn(cosines, norm="ortho") + 128, 0, 255)
    assert np.abs(result[0, 8:16, 16:24, 0] - expected).max() < 0.6


def test_images_that_jpeg_cannot_divide_are_refused(corruptions):
    with pytest.raises(ValueError, match=r"sides that 8 divides. Got: \(2, 30, 32, 3\)"):
        corruptions.corrupted(np.zeros((2, 30, 32, 3), "uint8"), "jpeg", 1)
