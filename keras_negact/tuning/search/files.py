"""The files of a search's folder: written whole, read with an eye to damage, never deleted."""

import json
import os
import pathlib
from typing import Any

from keras_negact import _files
from keras_negact.tuning._keras_tuner import keras_tuner

_IDENTITY = "search.json"
_FORMAT = 1
# What reading a file that is not what it must be ends in.
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)


def replace_text(path: pathlib.Path, text: str) -> None:
    """Write a file whole or not at all."""
    _files.replace(path, text, "A file of the search")


def read_json(path: pathlib.Path, kinds: dict[str, type], remedy: str) -> dict[str, Any]:
    """Read a JSON object that has values of these kinds under these names.

    Raises:
        RuntimeError: if it is not one; with the file, what is wrong, and the remedy.
    """
    try:
        content = json.loads(path.read_text())
        if not isinstance(content, dict):
            raise TypeError(f"it holds {str(content)[:40]!r} in place of an object")
        for name, kind in kinds.items():
            if name not in content:
                raise KeyError(f"it has no {name!r}")
            if not isinstance(content[name], kind):
                raise TypeError(f"its {name!r} is {str(content[name])[:40]!r}")
    except (*DAMAGE, OSError) as error:
        raise damaged(path, error, remedy) from error
    return content


def damaged(path: str | os.PathLike, error: Exception, remedy: str) -> RuntimeError:
    """The error for a file that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return RuntimeError(f"{path} is missing. {remedy}")
    reason = error.args[0] if isinstance(error, KeyError) and error.args else error
    lines = str(reason).splitlines() or [type(error).__name__]
    return RuntimeError(f"{path} is damaged: {lines[0][:200]}. {remedy} The file is kept.")


def identity(tuner, space: list[dict]) -> dict[str, Any]:
    """What a search is about, to tell its folder from that of another one.

    Args:
        tuner: the search.
        space: keras-tuner's configurations of the hyperparameters, as they are before any trial.
    """
    return {
        "format": _FORMAT,
        "tuner": type(tuner).__name__,
        "objective": str(tuner.oracle.objective),
        "network": getattr(tuner.hypermodel, "network", None),
        "space": space,
    }


def write_identity(folder: pathlib.Path, about: dict[str, Any]) -> None:
    """Write down what the search in a folder is about."""
    replace_text(folder / _IDENTITY, json.dumps(about))


def has_ended_trials(folder: pathlib.Path) -> bool:
    """Whether trials have ended there, which a search that begins anew would write over."""
    trials = folder.glob("trial_*/trial.json")
    return any('"status": "RUNNING"' not in path.read_text(errors="replace") for path in trials)


def check_is_there(folder: pathlib.Path) -> None:
    """See that the folder of a search that runs was not removed: keras-tuner would make it anew.

    Raises:
        FatalRuntimeError: keras-tuner's, which ends the search.
    """
    if not (folder / _IDENTITY).exists():
        raise keras_tuner.errors.FatalRuntimeError(
            f"{folder} was removed while the search was running, and its trials with it. Start the "
            "search again, in a folder that stays."
        )


def refuse_another_search(
    folder: pathlib.Path, about: dict[str, Any], found_space: list[dict], has_scores: bool
) -> None:
    """Refuse to go on with a search that is about something else.

    Args:
        folder: of the search that was found.
        about: what the search that is to go on is about.
        found_space: that of the oracle which was found. Folders of earlier versions say no more.
        has_scores: whether trials have finished there.

    Raises:
        ValueError: naming what differs.
        RuntimeError: if the file that says it is damaged.
    """
    path = folder / _IDENTITY
    new = _by_content(about["space"])
    if not path.exists():
        known = _by_content(found_space)
        changed = sorted({new[content] for content in new.keys() - known.keys()})
        differences = []
    else:
        remedy = "Delete it to go on without looking whether it is the same search."
        kinds = {"format": int, "tuner": str, "objective": str, "space": list}
        was = read_json(path, kinds, remedy)
        try:
            known = _by_content(was["space"])
        except DAMAGE as error:
            raise damaged(path, error, remedy) from error
        changed = sorted({(new | known)[content] for content in new.keys() ^ known.keys()})
        names = ["tuner", "network", *(["objective"] if has_scores else [])]
        differences = [
            f"the {name} was {was.get(name)}, is {about[name]}"
            for name in names
            if was.get(name) != about[name]
        ]
    if changed:
        differences.append(f"the space has other values of {', '.join(changed)}")
    if differences:
        raise ValueError(
            f"The search in {folder} is another one: {'; '.join(differences)}. Choose another "
            "`directory` or `project_name`, or start it anew with overwrite=True."
        )


def _by_content(space: list[dict]) -> dict[str, str]:
    return {json.dumps(one, sort_keys=True): one["config"]["name"] for one in space}
