"""The studies of changing tasks, on made-up images; the numbers by hand."""

import json
import pathlib

import keras
import numpy as np
import pytest

from tests.support.pictures import assert_is_picture

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def plasticity(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import plasticity

    return plasticity


@pytest.fixture
def made_up_images(plasticity, monkeypatch):
    def raw_images(name, *_):
        shape = (28, 28, 1) if name == "fashion_mnist" else (32, 32, 3)
        generator = np.random.default_rng(0)
        return generator.integers(0, 256, (60, *shape), "uint8"), np.arange(60) % 10

    monkeypatch.setattr("_accuracy_data.raw_images", raw_images)


SMALL = ["--seeds", "2", "--tasks", "2", "--epochs", "1", "--images", "40"]


def runs_in(folder):
    return [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_random_labels_from_end_to_end_and_again(plasticity, made_up_images, tmp_path, monkeypatch):
    call = ["random_labels", *SMALL, "--variants", "relu", "leni", "--rates", "1e-3", "1e-2"]
    call += ["--output-dir", str(tmp_path)]
    plasticity.main(call)
    folder = tmp_path / "random_labels"
    runs = runs_in(folder)
    assert [(run["variant"], run["seed"]) for run in runs] == [
        ("relu", 100),
        ("leni", 100),
        ("relu", 0),
        ("leni", 0),
        ("relu", 1),
        ("leni", 1),
    ]
    for run in runs[:2]:
        online = run["online_of_rates"]
        assert run["rate"] == max((1e-3, 1e-2), key=lambda rate: online[str(rate)])
    assert all(len(run["tasks"]) == 2 for run in runs[2:])
    assert runs[3]["activation"]["class"] == "LENI"
    assert "start" in runs[3]["activation"]
    table = (folder / "summary.md").read_text()
    assert "| relu |" in table
    assert "| leni |" in table
    assert_is_picture(folder / "curves.png")

    monkeypatch.setattr(keras.Model, "fit", None)
    plasticity.main(call)
    assert runs_in(folder) == runs


def test_permuted_pixels_keep_the_labels(plasticity):
    from _plastic_network import permuted_pixels

    x, y = np.arange(12.0).reshape(3, 4), np.array([0, 1, 2])
    first, second = (permuted_pixels(x, y, seed=1)(number) for number in (0, 1))
    np.testing.assert_array_equal(np.sort(first[0], axis=1), x)
    assert first[1] is y
    assert not np.array_equal(first[0], second[0])


@pytest.mark.slow
def test_permuted_pixels_from_end_to_end(plasticity, made_up_images, tmp_path):
    plasticity.main(
        [
            "permuted",
            *SMALL,
            "--variants",
            "leni_pointwise",
            "--rates",
            "1e-2",
            "--output-dir",
            str(tmp_path),
        ]
    )
    assert {run["variant"] for run in runs_in(tmp_path / "permuted")} == {"leni_pointwise"}


@pytest.mark.slow
def test_every_remedy_is_given_to_the_same_network(plasticity, made_up_images, tmp_path):
    plasticity.main(["revival", *SMALL, "--seeds", "1", "--output-dir", str(tmp_path)])
    runs = {run["variant"]: run for run in runs_in(tmp_path / "revival")}
    names = ["nothing", "reinitialized", "leaky", "prelu", "leni", "leni, gain 3", "on_off"]
    assert list(runs) == names
    assert len({run["accuracy_when_dead"] for run in runs.values()}) == 1
    assert runs["nothing"]["largest_change_of_outputs"] == 0
    assert runs["leni"]["largest_change_of_outputs"] == 0
    assert runs["on_off"]["largest_change_of_outputs"] < 1e-5
    assert runs["leaky"]["largest_change_of_outputs"] > 1e-2


def test_silent_units_are_drawn_anew_and_unheard(plasticity):
    from _plastic_network import plastic_cnn
    from _revival import reinitialized

    model = plastic_cnn((8, 8, 3), 10)
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype("float32")
    layer = model.get_layer("conv2")
    kernel, bias = layer.get_weights()
    kernel[..., 7], bias[7] = 0, -1
    layer.set_weights([kernel, bias])
    revived = reinitialized(model, x)
    drawn, offset = revived.get_layer("conv2").get_weights()
    assert offset[7] == 0
    assert np.abs(drawn[..., 7]).max() > 0
    reads = revived.get_layer("hidden").get_weights()[0].reshape(4, 64, 128)
    np.testing.assert_array_equal(reads[:, 7], 0)
    assert np.abs(reads[:, 6]).max() > 0
    # The silent unit was heard by nobody before, and is not now.
    np.testing.assert_allclose(revived.predict(x, verbose=0), model.predict(x, verbose=0), 1e-5)


def test_what_is_negative_everywhere_counts_as_dead(plasticity):
    from _plastic_network import dead_parts

    inputs = keras.Input((2, 4))
    probe = keras.Model(inputs, [inputs * 1.0, -inputs])
    x = -np.ones((3, 2, 4), "float32")
    x[1, 1, 2] = 0.5
    assert dead_parts(probe, x) == [0.75, 0.0]


def test_unknown_names_are_refused(plasticity, capsys):
    with pytest.raises(SystemExit):
        plasticity.main(["random_lables"])
    assert "Received: random_lables" in capsys.readouterr().err


def test_digits_are_those_of_scikit_learn_twice_as_wide(plasticity):
    from _accuracy_data import raw_images
    from sklearn.datasets import load_digits

    images, labels = raw_images("digits")
    assert images.shape == (1797, 16, 16, 1)
    for corner in (images[:, ::2, ::2, 0], images[:, 1::2, 1::2, 0]):
        np.testing.assert_allclose(corner, load_digits().images * 255 / 16, atol=0.5)
    np.testing.assert_array_equal(labels, load_digits().target)


@pytest.mark.slow
def test_digits_from_end_to_end(plasticity, tmp_path):
    call = ["digits", *SMALL, "--variants", "leni", "leni, gain 3", "--rates", "1e-3"]
    plasticity.main([*call, "--output-dir", str(tmp_path)])
    runs = runs_in(tmp_path / "digits")
    assert [run["variant"] for run in runs] == 2 * ["leni", "leni, gain 3"]
    gains = [run["activation"]["kernel_gain"] for run in runs[:2]]
    assert gains == ["2.0", "3.0"]
