"""Optional dependencies: imported where they are used, named by their extra where missing."""

import importlib.metadata
import importlib.util
import shlex
from types import ModuleType


def require(module_name: str, extra: str) -> ModuleType:
    """Import `module_name`, which comes with the extra `extra`.

    Args:
        module_name: dotted name of the module.
        extra: the extra of `keras_negact` that installs it.

    Returns:
        The imported module.

    Raises:
        ImportError: if the module is not installed; the message gives the command that installs it.
    """
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise
        raise ImportError(
            f"This needs `{module_name}`, which is not installed. "
            f"It comes with the extra `{extra}`: {_command(extra)}"
        ) from error


def _command(extra: str) -> str:
    """What installs an extra; without the package, whose TensorFlow not everyone wants."""
    if extra == "tensorflow" or importlib.util.find_spec("tensorflow"):
        return f'pip install "keras_negact[{extra}]"'
    condition = f'; extra == "{extra}"'
    required = importlib.metadata.requires("keras_negact") or []
    names = [one.removesuffix(condition) for one in required if one.endswith(condition)]
    return f"pip install {shlex.join(names)}"
