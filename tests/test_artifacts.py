"""Files that earlier versions of the package wrote: they load, compute the same and go on."""

import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_negact  # noqa: F401
from tests.artifacts import networks
from tests.support.processes import environment

ARTIFACTS = pathlib.Path(__file__).parent / "artifacts"
VERSIONS = sorted(path.name for path in ARTIFACTS.iterdir() if path.name[0].isdigit())
MODELS = {"leni", "leni_ranks", "on_off", "helpers", "swapped", "folded"}

# Nothing but the package is imported: whatever a file names must be registered by that.
LOAD_ALL = """
import pathlib, sys
import keras, numpy as np
import keras_negact

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
    model = keras.saving.load_model(path)
    stored = np.load(path.with_suffix(".npz"))
    inputs = [stored[name] for name in sorted(stored) if name.startswith("input")]
    outputs = model(inputs if len(inputs) > 1 else inputs[0])
    outputs = outputs if isinstance(outputs, dict) else {"outputs": outputs}
    outputs = {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}
    np.savez(pathlib.Path(sys.argv[2]) / path.stem, **outputs)
"""

every_version = pytest.mark.parametrize("version", VERSIONS)


def stored(path: pathlib.Path, part: str) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return {n.removeprefix(part): arrays[n] for n in sorted(arrays) if n.startswith(part)}


def assert_same(got: dict, wanted: dict) -> None:
    assert got.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


@every_version
def test_networks_load_after_importing_the_package_alone(version, tmp_path):
    command = [sys.executable, "-W", "error::UserWarning", "-c", LOAD_ALL]
    folder = ARTIFACTS / version
    subprocess.run([*command, folder, tmp_path], check=True, env=environment(), cwd=tmp_path)
    written = sorted(tmp_path.glob("*.npz"))
    assert {path.stem for path in written} == MODELS
    for path in written:
        assert_same(stored(path, ""), stored(folder / path.name, "output "))


@every_version
@pytest.mark.parametrize("name", ["leni", "leni_ranks"])
def test_a_config_that_lacks_later_arguments_starts_as_it_did(version, name):
    folder = ARTIFACTS / version
    fresh = keras.models.clone_model(keras.saving.load_model(folder / f"{name}.keras"))
    inputs = list(stored(folder / f"{name}.npz", "input").values())
    wanted = stored(folder / f"{name}.npz", "start ")
    # What is drawn anew at each start is another's.
    drawn = {"random", "normalized_random", "mixed_in_groups"}
    got = networks.outputs_of(fresh, inputs)
    assert_same(
        {key: value for key, value in got.items() if key not in drawn},
        {key: value for key, value in wanted.items() if key not in drawn},
    )


@every_version
def test_an_interrupted_training_goes_on(version, tmp_path):
    shutil.copytree(ARTIFACTS / version / "backup", tmp_path / "backup")
    with pytest.warns(UserWarning, match="made before backups had a version"):
        resumed = networks.train(tmp_path / "backup", networks.EPOCHS)
    whole = stored(ARTIFACTS / version / "backup.npz", "arr_")
    uninterrupted = networks.trained_network()
    uninterrupted.set_weights([whole[f"{number}"] for number in range(len(whole))])
    for got, wanted in zip(resumed.weights, uninterrupted.weights, strict=True):
        # Normalization takes the bias in front of it out again: rounding alone moves it, by what
        # Adam makes of that, and differently on every processor.
        if not wanted.path.endswith(("convolution/bias", "norm/moving_mean")):
            np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-5)
    assert resumed.optimizer.iterations.numpy() == 2 * networks.EPOCHS


@every_version
def test_a_search_goes_on(version, tmp_path):
    shutil.copytree(ARTIFACTS / version / "search", tmp_path / "search")
    tuner, toy = networks.search(tmp_path / "search", 5)
    before = [trial.hyperparameters.values for trial in tuner.finished_trials()]
    assert len(before) == 3
    assert before[0]["width"] == 2
    tuner.search()
    assert len(toy.runs) == 2
    assert len(tuner.finished_trials()) == 5
    assert tuner.get_best_models(1)[0].count_params() == 2


@every_version
def test_a_comparison_goes_on(version, tmp_path, monkeypatch):
    shutil.copytree(ARTIFACTS / version / "comparison", tmp_path / "comparison")
    begun = []
    fit = keras.Model.fit

    def watched(model, *arguments, initial_epoch=0, **more):
        begun.append(initial_epoch)
        return fit(model, *arguments, initial_epoch=initial_epoch, **more)

    monkeypatch.setattr(keras.Model, "fit", watched)
    summary = networks.compare(tmp_path / "comparison", 2)
    # The run that was cut goes on behind its first epoch, the one after it begins.
    assert begun[0] == 1
    assert begun.count(0) == 1
    got = {}
    for activation in networks.VARIANTS:
        got |= networks.compared_weights(tmp_path / "comparison", activation)
    assert_same(got, stored(ARTIFACTS / version / "comparison.npz", ""))
    assert [variant.seeds for variant in summary.variants] == [[0, 1], [0, 1]]
