"""What importing the package brings with it."""

import subprocess
import sys
from types import ModuleType

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
    assert dir(keras_negact) == sorted([*keras_negact._PARTS, *keras_negact.__all__])
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = keras_negact.absent


def test_parts_show_their_own_names_alone():
    import keras_negact

    for part in map(keras_negact.__getattr__, keras_negact._PARTS):
        # One that is a file shows what it imports, as any file does.
        if hasattr(part, "__path__"):
            shown = {name for name in dir(part) if not name.startswith("_")}
            modules = {name for name in shown if isinstance(getattr(part, name), ModuleType)}
            assert shown - modules == {*part.__all__} - modules, part.__name__
            assert all(
                getattr(part, name).__package__.startswith(part.__name__) for name in modules
            )
