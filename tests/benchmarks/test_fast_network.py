"""The fast network, its images and how it is trained, against formulas in NumPy."""

import importlib
import pathlib
import re

import keras
import numpy as np
import pytest

from keras_negact import LENI, OnOffReLU

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("_fast_network")


@pytest.fixture
def accuracy_data(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("_accuracy_data")


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    # Neighbours alike, as in photographs.
    coarse = generator.integers(0, 200, (40, 9, 9, 3)).repeat(2, axis=1).repeat(2, axis=2)
    return (coarse + generator.integers(0, 56, coarse.shape)).astype("uint8")


def test_the_stem_whitens_and_comes_in_pairs(fast, images):
    kernel = fast.whitening_kernel(images, floor=0.0)
    pixels = images / 127.5 - 1
    patches = [
        pixels[n, y : y + 2, x : x + 2].ravel()
        for n in range(len(images))
        for y in range(17)
        for x in range(17)
    ]
    filtered = np.array(patches) @ kernel[..., :12].reshape(12, 12)
    np.testing.assert_allclose(filtered.T @ filtered / len(patches), np.eye(12), atol=1e-4)
    np.testing.assert_array_equal(kernel[..., 12:], -kernel[..., :12])


def test_a_convolution_starts_by_passing_its_inputs_on(fast):
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 4)).astype("float32")
    layer = keras.layers.Conv2D(7, 3, padding="same", kernel_initializer=fast.passing_on)
    y = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_array_equal(y[..., :4], x)
    drawn = keras.ops.convert_to_numpy(layer.kernel)[..., 4:]
    assert 0 < np.abs(drawn).max() <= 1 / 6


def test_the_stem_is_frozen_and_nothing_but_kernels_decays(fast, images):
    stem = fast.whitening_kernel(images)
    model = fast.fast_network(stem, (20, 20, 3), 5, LENI, widths=(16, 16, 16))
    assert model.get_layer("stem").trainable_variables == []
    optimizer = fast.fast_optimizer(model, 10)
    optimizer.build(model.trainable_variables)
    decaying = [v.path for v in model.trainable_variables if optimizer._use_weight_decay(v)]
    convolutions = [f"block{n}_{place}_conv" for n in (1, 2, 3) for place in ("first", "second")]
    assert decaying == [f"{name}/kernel" for name in [*convolutions, "classes"]]


def test_halved_goes_with_an_activation_that_doubles(fast, images):
    stem = fast.whitening_kernel(images)
    model = fast.fast_network(stem, (20, 20, 3), 5, "on_off_relu", (16, 16, 16), halved=True)
    assert model.get_layer("block1_first_conv").output.shape[-1] == 8
    assert model.get_layer("block1_second_conv").input.shape[-1] == 16
    with pytest.raises(ValueError, match="Received: activation='relu'"):
        fast.fast_network(stem, (20, 20, 3), 5, "relu", halved=True)


def test_the_loss_is_keras_s_with_smoothed_labels(fast):
    generator = np.random.default_rng(1)
    logits, labels = generator.normal(size=(6, 10)).astype("float32"), np.arange(6)
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    expected = float(smooth(np.eye(10)[labels], logits))
    assert float(fast.SmoothedCrossentropy()(labels, logits)) == pytest.approx(expected, 1e-6)


def test_the_rate_is_a_triangle(fast):
    rate = fast.Triangular(2.0, 100)
    rates = [float(rate(step)) for step in (0, 10, 20, 60, 100)]
    assert rates == pytest.approx([0.4, 1.2, 2.0, 1.0, 0.0], abs=1e-6)


def test_an_image_is_mirrored_in_every_second_epoch(accuracy_data):
    x = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), "uint8")
    examples = (x, np.arange(30, dtype="int32"))
    data = accuracy_data.alternating(examples, examples, examples, 7, largest_shift=0)(seed=4)

    def mirrored(epoch):
        batches = data.train_at(epoch)
        flags = {}
        for images, labels in (batches[number] for number in range(len(batches))):
            for image, label in zip(images, labels, strict=True):
                plain = x[label] / np.float32(127.5) - np.float32(1)
                flags[int(label)] = not np.array_equal(image, plain)
                np.testing.assert_array_equal(image, plain[:, ::-1] if flags[label] else plain)
        return [flags[number] for number in range(30)]

    first, second, third = (np.array(mirrored(epoch)) for epoch in range(3))
    assert 0 < first.sum() < 30
    np.testing.assert_array_equal(second, ~first)
    np.testing.assert_array_equal(third, first)


def test_the_concepts_page_makes_the_stem_of_half_its_filters(capsys):
    page = (BENCHMARKS.parent / "docs" / "concepts.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "docs/concepts.md", "exec"), {})
    assert capsys.readouterr().out == "0.0\n"


def test_on_off_relu_behind_half_of_the_stem_is_a_relu_behind_all(fast, images):
    kernel = fast.whitening_kernel(images)
    first, second = np.split(kernel, 2, axis=-1)
    np.testing.assert_array_equal(second, -first)
    pixels = (images / 127.5 - 1).astype("float32")
    whole, half = (keras.ops.conv(pixels, each) for each in (kernel, first))
    np.testing.assert_allclose(OnOffReLU()(half), keras.ops.relu(whole), rtol=1e-5, atol=1e-5)
