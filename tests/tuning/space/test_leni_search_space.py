import math

import keras
import keras_tuner
import numpy as np
import pytest

from keras_negact import LENI
from keras_negact.tuning import leni_search_space
from tests.support.tuning import digits, every_point, hyper_model, parameters_at


def space_of(channels=None):
    parameters = keras_tuner.HyperParameters()
    leni_search_space(parameters, channels=channels)
    return parameters.space


@pytest.mark.parametrize(
    ("channels", "groups"), [(None, 4), ((64, 256), 4), ((8, 12), 3), ((6,), 2), ((3, 8), 1)]
)
def test_the_space_has_every_choice_where_it_applies_and_nothing_else(channels, groups):
    points = every_point(space_of(channels))
    transforms, normalizations, compressions, starts = 2 + groups + 1, 2, 1 + groups, 2
    assert len(points) == transforms * normalizations * compressions * starts
    for point in points:
        assert ("leni/kernel_size" in point) == (point["leni/transform"] == "depthwise")
        assert ("leni/transform_groups" in point) == (point["leni/transform"] == "pointwise")
        assert ("leni/groups" in point) == (point["leni/compression"] == "pointwise")


def test_the_sampled_arguments_are_those_of_the_point():
    for point in every_point(space_of())[::3]:
        arguments = leni_search_space(parameters_at(point))
        told = {
            f"leni/{name}": "none" if value is None else value for name, value in arguments.items()
        }
        assert told == point
        block = LENI(**arguments)
        assert all(getattr(block, name) == value for name, value in arguments.items())


def test_the_default_of_the_space_is_the_default_block():
    arguments = leni_search_space(keras_tuner.HyperParameters())
    default = LENI()
    assert arguments.pop("start") == "keep"
    assert all(getattr(default, name) == value for name, value in arguments.items())


def test_two_blocks_with_prefixes_are_sampled_apart():
    parameters = keras_tuner.HyperParameters()
    parameters.values = {"early/transform": "none", "late/transform": "pointwise"}
    early, late = (leni_search_space(parameters, prefix) for prefix in ("early", "late"))
    assert (early["transform"], late["transform"]) == (None, "pointwise")


def test_an_inactive_space_gives_no_arguments():
    parameters = keras_tuner.HyperParameters()
    parameters.Choice("block", ["relu", "leni"])
    with parameters.conditional_scope("block", ["leni"]):
        assert leni_search_space(parameters) == {}
    assert list(parameters.values) == ["block"]


def builds_trains_saves_and_loads(point, tmp_path):
    images, labels = digits(16)
    hypermodel = hyper_model(learning_rate=0.01, weight_decay=0.01)
    model = hypermodel.build(parameters_at(point))
    model.run_eagerly = True
    before = model.get_weights()
    assert math.isfinite(model.train_on_batch(images, labels)[0])
    pairs = zip(before, model.get_weights(), strict=True)
    assert any((old != new).any() for old, new in pairs)
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    np.testing.assert_allclose(loaded(images), model(images), rtol=1e-5, atol=1e-5)
    blocks = [layer for layer in loaded.layers if isinstance(layer, LENI)]
    assert len(blocks) == (0 if point["where"] == "nowhere" else point["where"].count("+") + 1)


def every_network():
    parameters = keras_tuner.HyperParameters()
    hyper_model(learning_rate=0.01, weight_decay=0.01).declare_hyperparameters(parameters)
    return every_point(parameters.space)


def test_some_networks_of_the_space_build_train_save_and_load(tmp_path):
    points = every_network()
    chosen = [*points[::37], points[-1]]
    for name in {name for point in points for name in point}:
        assert {p.get(name) for p in chosen} == {p.get(name) for p in points}
    for point in chosen:
        builds_trains_saves_and_loads(point, tmp_path)


@pytest.mark.slow
def test_every_network_of_the_space_builds_trains_saves_and_loads(tmp_path):
    points = every_network()
    assert len(points) == 3 * 96 + 1
    for point in points:
        builds_trains_saves_and_loads(point, tmp_path)
