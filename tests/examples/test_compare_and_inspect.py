"""The commands, from end to end, on a handful of images."""

import importlib
import os
import pathlib
import subprocess
import sys

import pytest

from keras_negact.comparison import read_runs

ON_JAX = """
import sys

class NoTensorFlow:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, NoTensorFlow())
import keras
from keras_negact.analysis import negative_information_report
from keras_negact.comparison import activation_variants, compare_activations
from tests.support.comparisons import tiny_data, tiny_network

variants = activation_variants(tiny_network, ["relu", "funnel", "leni"])
data = tiny_data(largest_shift=1, mirror=True)
compare_activations(variants, data, seeds=1, epochs=2, output_dir=sys.argv[1])
report = negative_information_report(variants["leni"](), data(0).test)
assert report.sites[0].units_without_gradient > 0
assert "tensorflow" not in sys.modules
"""
ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(script, options, *paths):
    return python([str(ROOT / script), *options.split(), *map(str, paths)])


def python(arguments, **variables):
    search_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": search_path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--model nope", "`--model` must be one of cifar_resnet20"),
        (
            "--activations relu silu relu",
            "--activations must be different names. Received: relu silu relu",
        ),
    ],
)
def test_compare_activations_names_the_option_that_is_wrong(monkeypatch, capsys, arguments, told):
    monkeypatch.syspath_prepend(ROOT / "examples")
    example = importlib.import_module("compare_activations")
    monkeypatch.setattr("sys.argv", ["compare_activations.py", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        example.main()
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
def test_compare_activations(tmp_path):
    command = (
        "examples/compare_activations.py",
        "--dataset digits --limit 80 --model on_off_cnn --epochs 1 --seeds 2 "
        "--activations relu funnel --output-dir",
        tmp_path,
    )
    finished = run(*command)
    assert finished.returncode == 0, finished.stderr
    assert "| funnel |" in finished.stdout
    assert len(read_runs(tmp_path)) == 4
    assert "4 of 4 runs are finished already." in run(*command).stdout


@pytest.mark.slow
def test_accuracy_with_two_jobs(tmp_path):
    finished = run(
        "benchmarks/accuracy.py",
        "--protocol smoke --studies rhythms --seeds 1 --jobs 2 --output-dir",
        tmp_path,
    )
    assert finished.returncode == 0, finished.stderr
    runs = read_runs(tmp_path / "rhythms")
    assert {run["variant"] for run in runs} >= {"relu", "funnel", "leni"}
    assert {run["hardware"]["processes"] for run in runs} == {2}
    assert (tmp_path / "rhythms" / "summary.md").exists()


@pytest.mark.slow
def test_on_jax_where_there_is_no_tensorflow(tmp_path):
    finished = python(["-c", ON_JAX, str(tmp_path)], KERAS_BACKEND="jax")
    assert finished.returncode == 0, finished.stderr
    assert {run["hardware"]["backend"] for run in read_runs(tmp_path)} == {"jax"}
    assert len(read_runs(tmp_path)) == 3
