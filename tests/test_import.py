"""What importing the package brings with it."""

import subprocess
import sys

import pytest

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


def test_the_launcher_imports_the_package_without_keras_and_nothing_else_does():
    show = "import sys; print('keras' in sys.modules, 'keras_negact.launch' in sys.modules)"
    for arguments, expected in {
        ("-c", f"import keras_negact.launch; {show}"): "True True",
        ("-c", f"import keras_negact; {show}", "-m", "keras_negact.launch"): "True False",
    }.items():
        run = subprocess.run(
            [sys.executable, *arguments], check=True, capture_output=True, text=True
        )
        assert run.stdout.split() == expected.split()


def test_parts_are_attributes():
    import keras_negact

    for part in keras_negact._PARTS:
        assert getattr(keras_negact, part).__name__ == f"keras_negact.{part}"
    assert {*keras_negact._PARTS, *keras_negact.__all__} <= set(dir(keras_negact))
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = keras_negact.absent
