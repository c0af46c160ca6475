"""ImageNet's benchmark: its networks' sizes, its images, and a run that is killed and resumed."""

import argparse
import csv
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = argparse.Namespace(size=32, batch_size=4, seed=3)


@pytest.fixture
def imagenet(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import imagenet

    return imagenet


class MadeUp:
    """Images whose pixels say which one they are, as a builder of TensorFlow Datasets."""

    def as_dataset(self, split, shuffle_files, read_config=None):
        sizes = [(40, 60), (60, 40), (50, 50)] * 4
        examples = [
            {"image": np.full((*size, 3), 20 * number, "uint8"), "label": number}
            for number, size in enumerate(sizes)
        ]
        signature = {
            "image": tf.TensorSpec((None, None, 3), tf.uint8),
            "label": tf.TensorSpec((), tf.int64),
        }
        return tf.data.Dataset.from_generator(lambda: iter(examples), output_signature=signature)


def test_parameters_are_the_paper_s(imagenet):
    for depth, parameters in ((18, 11_689_512), (50, 25_557_032)):
        model = imagenet.imagenet_resnet(depth, size=64)
        assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == parameters


def test_a_doubling_activation_gives_way_in_front_of_sums(imagenet):
    model = imagenet.imagenet_resnet(18, 32, 10, "on_off_relu")
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("OnOffReLU") == 8
    assert kinds.count("ReLU") == 9


def test_an_epoch_s_images_are_fixed_by_seed_and_epoch(imagenet):
    def epoch(number):
        data = imagenet.training_images(MadeUp(), SETTINGS, number, steps=3)
        assert int(data.cardinality()) == 3
        return [(x.numpy(), y.numpy()) for x, y in data]

    first, again, second = epoch(0), epoch(0), epoch(1)
    for (x, y), (x_again, y_again) in zip(first, again, strict=True):
        np.testing.assert_array_equal(x, x_again)
        np.testing.assert_array_equal(y, y_again)
    assert (
        np.concatenate([y for _, y in first]).tolist()
        != np.concatenate([y for _, y in second]).tolist()
    )
    for x, y in first:
        assert x.shape == (4, 32, 32, 3)
        expected = (20.0 * y[:, None] - imagenet.MEAN) / imagenet.DEVIATION
        np.testing.assert_allclose(x.mean(axis=(1, 2)), expected, atol=1e-4)


def test_validation_shows_every_image_once_in_order(imagenet):
    batches = list(imagenet.validation_images(MadeUp(), SETTINGS))
    assert np.concatenate([y for _, y in batches]).tolist() == list(range(12))
    # A pixel that is all padding would be that of black.
    x = np.concatenate([x for x, _ in batches])
    np.testing.assert_allclose(x.std(axis=(1, 2)), 0, atol=1e-4)


def refusal(imagenet, capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        imagenet.main([str(argument) for argument in arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_data_that_is_not_there_is_named(imagenet, capsys, tmp_path):
    told = refusal(imagenet, capsys, "--dataset", "imagenette", "--data-dir", tmp_path)
    assert f"imagenette is not in {tmp_path}/imagenette/320px-v2" in told
    assert (
        f"`--data-dir` must be the folder where TensorFlow Datasets keeps it. Received: {tmp_path}"
        in told
    )


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--save-every", text] for text in ("0", "-1", "often")),
        *(["--replicas", text] for text in ("0", "-2", "1.5")),
        *(["--learning-rate", text] for text in ("0", "nan", "-0.1")),
        *([option, "0"] for option in ("--size", "--epochs", "--batch-size")),
        ["--seed", "-1"],
        ["--activation", "no_such"],
    ],
    ids=" ".join,
)
def test_what_must_not_be_is_refused_before_any_data_is_looked_for(
    imagenet, capsys, monkeypatch, arguments
):
    monkeypatch.setattr(imagenet, "builder_of", None)
    told = refusal(imagenet, capsys, *arguments)
    assert f"{arguments[0]}: " in told
    assert "Received: " in told
    assert arguments[1] in told


def test_a_cluster_that_cannot_be_is_refused(imagenet, capsys, monkeypatch):
    monkeypatch.setattr(tfds.core.DatasetBuilder, "is_prepared", lambda self: True)
    monkeypatch.setenv("TF_CONFIG", "no json")
    assert "`TF_CONFIG`" in refusal(imagenet, capsys, "--dataset", "imagenette")


def test_commands_for_one_gpu_and_for_several_machines_are_documented(imagenet, monkeypatch):
    monkeypatch.setattr(tfds.core.DatasetBuilder, "is_prepared", lambda self: True)
    page = (ROOT / "docs" / "measuring.md").read_text()
    section = page.partition("### ImageNet")[2].partition("\n### ")[0]
    command = "    python benchmarks/imagenet.py "
    lines = [line for line in section.splitlines() if line.startswith(command)]
    settings = [imagenet.read_settings(shlex.split(line.removeprefix(command))) for line in lines]
    assert [one.replicas for one in settings] == [1, None, None, None]
    for text in (section, imagenet.__doc__):
        assert "keras_negact.launch" not in text, "the launcher is for one machine"
        assert "On several machines" in text
    variables = re.findall(r"^    (WORKERS=.*|export TF_CONFIG=.*)$", section, re.MULTILINE)
    script = "\n".join([*variables, 'printf %s "$TF_CONFIG"'])
    told = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    cluster = json.loads(told)
    assert len(cluster["cluster"]["worker"]) == 2
    assert cluster["task"] == {"type": "worker", "index": 0}


@pytest.mark.slow
def test_two_replicas_killed_and_resumed(tmp_path):
    command = [
        *(sys.executable, ROOT / "tests/support/imagenet_on_mocked_data.py"),
        *[
            "--dataset",
            "imagenette",
            "--activation",
            "leni",
            "--size",
            "32",
            "--batch-size",
            "8",
            "--epochs",
            "4",
        ],
        *("--replicas", "2", "--full-precision", "--output-dir", tmp_path),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    history = tmp_path / "history.csv"
    process = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + 400
    try:
        while not (tmp_path / "backup" / "backup.zip").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "result.json").exists()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Going on from the backup" in done.stdout + done.stderr
    with history.open() as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == [0, 1, 2, 3]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["epochs"] == 4
    assert 0 <= result["accuracy"] <= 1
