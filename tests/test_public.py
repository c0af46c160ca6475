"""What is public, name by name, and the examples in its docstrings."""

import ast
import doctest
import importlib
import inspect
import itertools
import pathlib
import re
import shutil

import keras
import numpy as np
import pytest

import keras_negact
from tests.support.backends import tensorflow_only

ROOT = pathlib.Path(__file__).resolve().parents[1]
RUNS = ROOT / "tests" / "artifacts" / "0.1.0" / "comparison" / "runs.jsonl"
PUBLIC = {
    "keras_negact": [
        "LENI",
        "LooksLinear",
        "OnOffReLU",
        "RetinalOpponency",
        "__version__",
        "clone_with_activation",
        "fold_for_inference",
        "plan_activation_swap",
        "plan_folding",
    ],
    "keras_negact.analysis": [
        "ActivationMonitor",
        "NegativeInformationReport",
        "SiteReport",
        "draw_feature_maps",
        "negative_information_report",
    ],
    "keras_negact.comparison": [
        "ACTIVATIONS",
        "Summary",
        "Variant",
        "VariantSummary",
        "activation_variants",
        "array_data",
        "compare_activations",
        "read_runs",
        "seeds_needed",
        "summarize",
    ],
    "keras_negact.datasets": ["Dataset", "is_prepared", "load_dataset"],
    "keras_negact.layers": [
        "LENI",
        "LooksLinear",
        "OnOffReLU",
        "RetinalOpponency",
        "weights_without_decay",
    ],
    "keras_negact.models": ["cifar_resnet", "network_by_name", "on_off_cnn"],
    "keras_negact.surgery": [
        "FoldingPlan",
        "Plan",
        "Site",
        "clone_with_activation",
        "fold_for_inference",
        "keep_channels",
        "mix_channels",
        "new_layers",
        "plan_activation_swap",
        "plan_folding",
        "refuse",
        "register",
    ],
    "keras_negact.training": [
        "Backup",
        "FolderInUse",
        "evaluate",
        "fit",
        "is_chief",
        "make_strategy",
    ],
    "keras_negact.tuning": [
        "BayesianOptimization",
        "Budget",
        "Cost",
        "GridSearch",
        "Hyperband",
        "LENIHyperModel",
        "RandomSearch",
        "TrialRows",
        "leni_search_space",
        "pareto_front",
        "run_chief_and_workers",
        "trial_rows",
    ],
}
# What the package gives itself belongs to its parts.
DOCUMENTED = {
    f"{module}.{name}": (module, name)
    for module, names in list(PUBLIC.items())[1:]
    for name in names
    if name != "ACTIVATIONS"
}


def test_the_parts_are_all_that_is_public_beside_the_names():
    assert [f"keras_negact.{part}" for part in keras_negact._PARTS] == list(PUBLIC)[1:]


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names(module):
    part = importlib.import_module(module)
    assert part.__all__ == PUBLIC[module]
    star: dict = {}
    exec(f"from {module} import *", star)
    assert star.keys() - {"__builtins__"} == set(PUBLIC[module])


def test_errors_have_one_word_for_what_was_given():
    others = re.compile(r"\b(got|given|found|passed|returned|was)\b:? *$", re.IGNORECASE)
    for path in pathlib.Path(keras_negact.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Raise) or node.exc is None:
                continue
            for text in [one for one in ast.walk(node.exc) if isinstance(one, ast.JoinedStr)]:
                # What stands in front of a value.
                for before, value in itertools.pairwise(text.values):
                    if isinstance(before, ast.Constant) and not isinstance(value, ast.Constant):
                        assert not others.search(before.value), f"{path.name}: {ast.unparse(text)}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the examples run; a comparison has left its runs there."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "runs" / "comparison").mkdir(parents=True)
    shutil.copy(RUNS, folder / "runs" / "comparison")
    return folder


@tensorflow_only
@pytest.mark.parametrize("documented", DOCUMENTED)
def test_the_example_in_the_docstring(documented, folder, monkeypatch, capfd):
    """With `keras`, `np` and the names of its own part at hand. With `verbose=0` all is silent."""
    monkeypatch.chdir(folder)
    module, name = DOCUMENTED[documented]
    part = importlib.import_module(module)
    names = {name: getattr(part, name) for name in part.__all__}
    docstring = inspect.getdoc(getattr(part, name))
    test = doctest.DocTestParser().get_doctest(
        docstring, {"keras": keras, "np": np, **names}, documented, None, 0
    )
    assert test.examples, f"{documented} has no example"
    # What TensorFlow tells of the machine when it is first used is not the example's.
    keras.ops.zeros(1)
    capfd.readouterr()
    told: list[str] = []
    doctest.DocTestRunner().run(test, out=told.append)
    assert not told, "".join(told)
    assert capfd.readouterr() == ("", "")
