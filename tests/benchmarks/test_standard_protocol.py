"""The protocol `standard` from its rates to its table, on a few made-up images."""

import argparse
import importlib
import json
import pathlib

import keras
import numpy as np
import pytest

from keras_negact.comparison import read_runs
from keras_negact.comparison.compare import weights_path
from keras_negact.comparison.results import append_run
from tests.support.comparisons import made_up_run

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
    studies = importlib.import_module("_fast_network_studies")
    tokens = importlib.import_module("_token_network")
    stem = np.zeros((2, 2, 3, 24), "float32")
    for setting in {**studies.STANDARD, **studies.CLAIMS}.values():
        assert studies.fast_model(stem, setting).output_shape == (None, 10)
    for activation in tokens.ACTIVATIONS.values():
        assert tokens.token_network((16, 16, 3), 10, activation).output_shape == (None, 10)


def test_leni_starts_as_the_gelu_of_a_transformer(accuracy):
    tokens = importlib.import_module("_token_network")
    images = np.random.default_rng(0).normal(size=(4, 16, 16, 3)).astype("float32")
    outputs = []
    for activation in ("gelu", tokens.leni):
        keras.utils.set_random_seed(0)
        outputs.append(np.asarray(tokens.token_network((16, 16, 3), 10, activation)(images)))
    np.testing.assert_array_equal(*outputs)


def test_a_study_of_another_protocol_is_refused(accuracy, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["accuracy.py", "--studies", "pretraining"])
    with pytest.raises(SystemExit):
        accuracy.read_settings()
    assert "no studies ['pretraining']" in capsys.readouterr().err


@pytest.mark.slow
def test_trained_networks_are_swapped_and_corrupted(accuracy, chunks, monkeypatch):
    some = ("--variants", "relu", "leni", "--epochs", "1", "--seeds", "1")
    made = run(accuracy, monkeypatch, chunks, "--studies", "standard", *some)
    robust = run(accuracy, monkeypatch, chunks, "--studies", "robustness", *some)
    for trained, one in zip(made, robust, strict=True):
        assert one["variant"] == trained["variant"]
        assert one["clean"] == pytest.approx(trained["test_accuracy"])
        assert {len(of_strengths) for of_strengths in one["corrupted"].values()} == {5}
    table = (chunks / "out" / "robustness" / "summary.md").read_text()
    for one in robust:
        mean = 100 * np.mean(list(one["corrupted"].values()))
        row = next(line for line in table.splitlines() if line.startswith(f"| {one['variant']} |"))
        assert f"| {mean:.2f} |" in row
        assert f"| {100 * one['clean']:.2f} |" in row
    # A second call has nothing to do, and leaves the runs as they are.
    assert run(accuracy, monkeypatch, chunks, "--studies", "robustness", *some) == robust
    tuned = ("--epochs", "1", "--seeds", "1")
    names = ("relu", "leni", "leni, new blocks alone")
    tuned = run(
        accuracy, monkeypatch, chunks, "--studies", "fine_tuning", "--variants", *names, *tuned
    )
    parameters = {one["variant"]: one["parameters"] for one in tuned}
    added = parameters["leni"] - parameters["relu"]
    assert parameters["leni, new blocks alone"] == added == 11 * 2 * (48 + 2 * 96)


def test_dead_channels_are_those_of_the_kept_weights(accuracy, chunks, monkeypatch):
    studies = importlib.import_module("_fast_network_studies")
    folder = chunks / "out" / "standard"
    call = ("--npz", str(chunks), "--output-dir", str(chunks / "out"), "--seeds", "1")
    monkeypatch.setattr("sys.argv", ["accuracy.py", "--studies", "dead_channels", *call])
    with pytest.raises(FileNotFoundError, match="run the study `standard` first"):
        accuracy.main()
    settings = argparse.Namespace(npz=chunks, data_dir=None)
    model = studies.fast_model(studies.data_and_stem(settings)[1], studies.STANDARD["relu"])
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    shift = np.zeros(48)
    shift[:12] = -1e3
    norms[0].beta.assign(shift)
    path = weights_path(folder, "relu", 0)
    path.parent.mkdir(parents=True)
    model.save_weights(path)
    accuracy.main()
    record = json.loads((folder / "dead_channels.json").read_text())
    assert (record["variant"], record["images"]) == ("relu", 20)
    assert list(record["dead_channels"]["0"].values())[:2] == [0, 0.25]


def test_claims_take_over_what_standard_has_trained(accuracy, tmp_path):
    studies = importlib.import_module("_fast_network_studies")
    for variant, seed in (
        ("relu", 0),
        ("relu", 5),
        ("leni, gain 3", 1),
        ("leni", 0),
        ("gelu", 0),
    ):
        one = made_up_run(variant, seed, 0.5)
        (tmp_path / "standard").mkdir(exist_ok=True)
        append_run(tmp_path / "standard" / "runs.jsonl", one)
    studies._take_over(tmp_path / "standard", tmp_path / "claims", seeds=5)
    taken = [(one["variant"], one["seed"]) for one in read_runs(tmp_path / "claims")]
    assert taken == [("relu", 0), ("leni, gain 3", 1)]


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
