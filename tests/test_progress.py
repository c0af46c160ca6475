"""How far something is, in a terminal and in a log file; what `verbose` may be."""

import sys

import keras
import numpy as np
import pytest

from keras_negact import fold_for_inference
from keras_negact.analysis import negative_information_report
from keras_negact.training import evaluate, fit, make_strategy
from tests.support.backends import tensorflow_only

pytestmark = tensorflow_only
X, Y = np.ones((8, 2), "float32"), np.zeros((8, 1))


def network() -> keras.Model:
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.ReLU(), keras.layers.Dense(1, name="head")]
    )
    model.compile("sgd", "mse", run_eagerly=True)
    return model


SHOW_PROGRESS = {
    "fit": lambda: fit(network(), X, Y, batch_size=4),
    "evaluate": lambda: evaluate(network(), X, Y, batch_size=4),
    "report": lambda: negative_information_report(network(), X, batch_size=4),
}


@pytest.mark.parametrize("name", SHOW_PROGRESS)
@pytest.mark.parametrize("in_terminal", [False, True])
def test_a_bar_is_drawn_where_it_is_drawn_over(name, in_terminal, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: in_terminal)
    SHOW_PROGRESS[name]()
    shown = capsys.readouterr().out
    assert ("━" in shown) == in_terminal
    assert any(sign in shown for sign in "\r\b\x1b") == in_terminal
    assert "step" in shown or "example" in shown


TAKE_VERBOSE = {
    "fit": lambda verbose: fit(network(), X, Y, verbose=verbose),
    "evaluate": lambda verbose: evaluate(network(), X, Y, verbose=verbose),
    "report": lambda verbose: negative_information_report(network(), X, verbose=verbose),
    "fold": lambda verbose: fold_for_inference(network(), verbose=verbose),
    "strategy": lambda verbose: make_strategy("none", verbose=verbose),
}


@pytest.mark.parametrize("name", TAKE_VERBOSE)
def test_verbose_is_the_same_everywhere(name, capsys):
    for verbose in (0, False, 1, 2, True, "auto"):
        TAKE_VERBOSE[name](verbose)
        assert bool(capsys.readouterr().out) == bool(verbose), verbose
    with pytest.raises(ValueError, match="`verbose` must be one of 'auto', 0, 1, 2, False, True"):
        TAKE_VERBOSE[name](3)
