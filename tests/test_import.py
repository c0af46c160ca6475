"""What importing the package brings with it."""

import subprocess
import sys

LOADED_BEYOND_KERAS = """
import sys
import keras
before = set(sys.modules)
import keras_negact
print(*set(sys.modules) - before)
"""
# Keras itself imports some of these where they are installed.
EXTRAS = {"tensorflow_datasets", "keras_tuner", "matplotlib", "sklearn", "scipy", "tensorboard"}


def test_importing_the_package_imports_no_extra():
    run = subprocess.run(
        [sys.executable, "-c", LOADED_BEYOND_KERAS], check=True, capture_output=True, text=True
    )
    modules = set(run.stdout.split())
    assert "keras_negact.layers.leni" in modules
    assert not {name.partition(".")[0] for name in modules} & EXTRAS


def test_public_names():
    import keras_negact

    assert {"LENI", "OnOffReLU", "RetinalOpponency"} <= set(keras_negact.__all__)
    for name in keras_negact.__all__:
        assert hasattr(keras_negact, name)
