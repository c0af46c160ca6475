"""The protocol `standard` from its rates to its table, on a few made-up images."""

import importlib
import json
import pathlib

import keras
import numpy as np
import pytest

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def accuracy(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("accuracy")


@pytest.fixture
def chunks(tmp_path):
    generator = np.random.default_rng(0)
    for name, count in (("train_0", 560), ("test", 20)):
        x = generator.integers(0, 256, (count, 32, 32, 3), "uint8")
        np.savez(tmp_path / f"{name}.npz", x=x, y=(np.arange(count) % 10).astype("uint8"))
    return tmp_path


def run(accuracy, monkeypatch, chunks, *arguments):
    command = ["accuracy.py", "--npz", str(chunks), "--output-dir", str(chunks / "out")]
    monkeypatch.setattr("sys.argv", [*command, *arguments])
    accuracy.main()
    lines = (chunks / "out" / arguments[1] / "runs.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.slow
def test_rates_are_chosen_and_used(accuracy, chunks, monkeypatch):
    some = ("--variants", "relu", "leni", "--epochs", "1")
    tried = run(accuracy, monkeypatch, chunks, "--studies", "rates", *some)
    assert len(tried) == 6
    assert {run["test_accuracy"] for run in tried} == {None}
    best = {
        name: max(
            (run for run in tried if run["variant"].startswith(name)),
            key=lambda run: run["validation_accuracy"],
        )["variant"]
        for name in ("relu", "leni")
    }
    runs = run(accuracy, monkeypatch, chunks, "--studies", "standard", *some, "--seeds", "1")
    assert [one["variant"] for one in runs] == ["relu", "leni"]
    for one in runs:
        factor = float(best[one["variant"]].split(" x")[1])
        peak = one["optimizer"]["config"]["learning_rate"]["config"]["peak"]
        assert peak == pytest.approx(0.73 * factor)
    assert (chunks / "out" / "standard" / "weights").is_dir()


def test_every_variant_of_every_study_can_be_built(accuracy):
    fast = importlib.import_module("_fast_network")
    studies = importlib.import_module("_standard_studies")
    stem = np.zeros((2, 2, 3, 24), "float32")
    for setting in {**studies.STANDARD, **studies.CLAIMS}.values():
        widths = tuple(int(width * setting.part) for width in fast.WIDTHS)
        model = fast.fast_network(
            stem, activation=setting.activation, widths=widths, halved=setting.halved
        )
        assert model.output_shape == (None, 10)


def test_a_study_of_another_protocol_is_refused(accuracy, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["accuracy.py", "--studies", "pretraining"])
    with pytest.raises(SystemExit):
        accuracy.read_settings()
    assert "no studies ['pretraining']" in capsys.readouterr().err


@pytest.mark.slow
def test_candidates_are_compared_on_validation_images_in_three_networks(
    accuracy, chunks, monkeypatch
):
    some = ("--variants", "relu", "relu + depthwise", "sum, gain 3", "--epochs", "1")
    command = ["accuracy.py", "--npz", str(chunks), "--output-dir", str(chunks / "out")]
    monkeypatch.setattr("sys.argv", [*command, "--studies", "choice", *some, "--seeds", "1"])
    accuracy.main()
    for network in ("cifar_resnet20", "on_off_cnn", "fast_network"):
        lines = (chunks / "out" / "choice" / network / "runs.jsonl").read_text().splitlines()
        runs = [json.loads(line) for line in lines]
        assert [run["variant"] for run in runs] == ["relu", "relu + depthwise", "sum, gain 3"]
        assert {run["test_accuracy"] for run in runs} == {None}
        assert {run["seed"] for run in runs} == {200}


def test_a_frozen_kernel_stays_where_it_started_and_the_scales_learn(accuracy):
    candidates = importlib.import_module("_leni_candidates")
    layer = candidates.frozen_kernel()
    x = np.random.default_rng(0).normal(size=(8, 6, 6, 3)).astype("float32")
    model = keras.Sequential([keras.Input((6, 6, 3)), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    start = [np.array(weight) for weight in layer.get_weights()]
    model.train_on_batch(x, np.flip(x, axis=1))
    same = [np.array_equal(a, b) for a, b in zip(start, layer.get_weights(), strict=True)]
    changed = [w.name for w, kept in zip(layer.weights, same, strict=True) if not kept]
    assert changed == ["positive_scale"]
