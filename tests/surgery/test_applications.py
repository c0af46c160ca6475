"""The networks of keras.applications: swapped wherever they should be, computing what they did.

All 40, which takes long:

    python -m pytest -m slow tests/surgery/test_applications.py
"""

import keras
import pytest

from keras_negact import plan_activation_swap
from tests.support.applications import (
    NETWORKS,
    census,
    images,
    network,
    relative_difference,
)
from tests.support.backends import to_numpy

# name, and whether with its head
FAST = [
    ("MobileNetV2", False),
    ("MobileNetV3Small", True),
    ("EfficientNetB0", False),
    ("ResNet50", False),
    ("VGG16", False),
]
ON_OFF = ("relu", "relu6")


def check_leni(name, include_top):
    model = network(name, include_top)
    plan = plan_activation_swap(model, "leni", on_conflict="raise")
    swapped = {}
    for site in plan.sites:
        if site.action == "swap":
            swapped[site.function] = swapped.get(site.function, 0) + 1
    assert swapped == census(model)
    clone = plan.apply()
    assert clone.count_params() == plan.report.after.parameters
    assert model.count_params() == plan.report.before.parameters
    x = images(model)
    before = to_numpy(model(x))
    assert before.std() > 0
    assert relative_difference(before, clone(x)) <= 1e-4


def check_on_off(name, include_top, on_conflict):
    model = network(name, include_top)
    plan = plan_activation_swap(model, "on_off_relu", channels="double", on_conflict=on_conflict)
    expected = sum(count for function, count in census(model).items() if function in ON_OFF)
    done = plan.report.count("swap") + plan.report.count("compress")
    assert done + plan.report.count("skip") == expected
    if on_conflict == "compress":
        assert done == expected
    clone = plan.apply()
    assert clone.count_params() == plan.report.after.parameters
    x = images(model)
    assert relative_difference(model(x), clone(x)) <= 1e-4


@pytest.mark.parametrize(("name", "include_top"), FAST)
def test_leni(name, include_top):
    check_leni(name, include_top)


@pytest.mark.parametrize("on_conflict", ["skip", "compress"])
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50"])
def test_on_off(name, on_conflict):
    check_on_off(name, False, on_conflict)


def test_there_are_forty():
    names = {name for name in dir(keras.applications) if name[0].isupper()}
    assert names == set(NETWORKS)
    assert len(NETWORKS) == 40


def test_resnet_without_head_ends_in_a_site():
    model = network("ResNet50", include_top=False)
    plan = plan_activation_swap(model, "leni")
    assert plan.report.count("swap") == len(plan.sites) == 49


def test_mobilenet_gates_are_left():
    plan = plan_activation_swap(network("MobileNetV3Small", include_top=True), "leni")
    gates = [site for site in plan.sites if "gate" in site.reason]
    assert len(gates) == 9
    assert {site.function for site in gates} == {"relu6"}


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("include_top", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_leni_on_every_network(name, include_top):
    keras.backend.clear_session()
    check_leni(name, include_top)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("on_conflict", ["skip", "compress"])
@pytest.mark.parametrize("name", NETWORKS)
def test_on_off_on_every_network(name, on_conflict):
    keras.backend.clear_session()
    check_on_off(name, True, on_conflict)
