import gc

import keras
import pytest


@pytest.fixture
def instant_trials(monkeypatch):
    """Without what keras-tuner cleans up between networks, which takes longer than a toy trial."""
    monkeypatch.setattr(gc, "collect", lambda *_: 0)
    monkeypatch.setattr(keras.backend, "clear_session", lambda: None)
