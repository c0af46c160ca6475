import importlib.util
import json
import pathlib
import sys

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI
from keras_negact.analysis import draw_feature_maps, negative_information_report
from tests.support.backends import tensorflow_only
from tests.support.pictures import assert_is_picture

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = np.random.default_rng(0).normal(size=(4, 8, 8, 1)).astype("float32")


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(3, 3, activation="relu", name="first")(inputs)
    x = LENI(name="second")(layers.Conv2D(2, 3)(x))
    x = layers.ReLU(name="flat")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(10)(x), name="small")


def test_pictures_are_drawn(model, tmp_path):
    negative_information_report(model, IMAGES, verbose=0).draw(tmp_path / "bars.png")
    draw_feature_maps(model, IMAGES[0], tmp_path / "first.png")
    draw_feature_maps(model, IMAGES[0], tmp_path / "second.png", site="second", channels=9)
    assert {path.name for path in tmp_path.iterdir()} == {"bars.png", "first.png", "second.png"}
    for path in tmp_path.iterdir():
        assert_is_picture(path)


def test_feature_maps_of_what_has_none(model, tmp_path):
    with pytest.raises(ValueError, match=r"\['first', 'second'\]. Received: 'flat'"):
        draw_feature_maps(model, IMAGES[0], tmp_path / "none.png", site="flat")


@tensorflow_only
def test_one_command_for_a_saved_network(model, tmp_path, monkeypatch, capsys):
    model.save(tmp_path / "small.keras")
    script = ROOT / "examples" / "inspect_negative_information.py"
    arguments = [tmp_path / "small.keras", "--dataset", "digits", "--limit", "40"]
    monkeypatch.setattr(sys, "argv", [str(script), *map(str, arguments)])
    specification = importlib.util.spec_from_file_location("inspect_script", script)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.main()
    assert "40 examples" in capsys.readouterr().out
    record = json.loads((tmp_path / "small" / "negative_information.json").read_text())
    assert [site["path"] for site in record["sites"]] == ["first", "second", "flat"]
    assert_is_picture(tmp_path / "small" / "negative_information.png")
    assert_is_picture(tmp_path / "small" / "feature_maps.png")
