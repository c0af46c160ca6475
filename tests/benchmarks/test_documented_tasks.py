"""The tables of tasks that change and of networks that died in `docs/evidence.md`, whole rows
against the committed runs."""

import numpy as np
import pytest

from tests.support.documented import ROOT, committed, figure, runs_of, tables

EVIDENCE = (ROOT / "docs" / "evidence.md").read_text()
CHANGING, DEFAULT = "Tasks that change", "How fast its kernel learns"
# For a heading and the number of the table under it: its study.
TASKS = {
    (CHANGING, 0): "random_labels",
    (CHANGING, 1): "revival",
    (CHANGING, 2): "permuted",
    (DEFAULT, 1): "candidates",
    (DEFAULT, 2): "digits",
}


def test_every_table_of_tasks_is_tied_to_a_study():
    columns = {"last five tasks", "fifth", "after eight others"}
    found = {place for place, rows in tables(EVIDENCE).items() if columns & rows[0].keys()}
    assert found == set(TASKS)


@pytest.mark.parametrize("place", TASKS, ids=TASKS.get)
def test_every_row_of_tasks_is_that_of_its_runs(place):
    study, rows = TASKS[place], tables(EVIDENCE)[place]
    assert {next(iter(row.values())) for row in rows} == set(runs_of(study))
    for row in rows:
        expected = row_of(study, next(iter(row.values())))
        assert row == {heading: expected[heading] for heading in row}


def row_of(study, variant):
    runs = list(runs_of(study)[variant].values())
    cells = {
        "variant": variant,
        "remedy": variant,
        "last five tasks": figure(f"{study}: {variant}"),
        "difference (95 %)": difference(study, variant),
        "verdict": committed(study)[variant]["verdict"],
        "dead at the end": f"{np.mean([run['tasks'][-1].get('dead')[-1] for run in runs]):.2f}",
        "seeds": str(len(runs)),
        "first task after": figure(f"{study}, accuracy 1: {variant}"),
        "fifth": figure(f"{study}, accuracy 5: {variant}"),
        "the first labelling": figure(f"{study}, accuracy 1: {variant}"),
        "online": figure(f"{study}, online: {variant}"),
    }
    if study == "revival":
        change = max(run["largest_change_of_outputs"] for run in runs)
        return cells | {"outputs change by": f"{change:.2g}"}
    if study == "digits":
        last = [100 * run["tasks"][8]["accuracy"] for run in runs]
        assert {len(run["tasks"]) for run in runs} == {9}
        cells["after eight others"] = f"{np.mean(last):.1f}"
        cells["least of the seeds"] = f"{min(last):.1f}"
    (rate,) = {run["rate"] for run in runs}
    return cells | {"rate": f"{rate:g}"}


def difference(study, variant):
    reference = "nothing" if study == "revival" else "relu"
    return "" if variant == reference else figure(f"{study}: {variant} minus {reference}")


def test_how_many_seeds_and_tasks_there_were():
    for study, seeds, tasks in (
        ("random_labels", 5, 20),
        ("permuted", 5, 20),
        ("revival", 5, 5),
        ("candidates", 3, 10),
        ("digits", 3, 9),
    ):
        for runs in runs_of(study).values():
            assert len(runs) == seeds, study
            assert {len(run["tasks"]) for run in runs.values()} == {tasks}, study


def test_when_the_networks_died_is_that_of_the_runs():
    died = {
        variant: tuple(runs[seed]["died_after"] for seed in range(5))
        for variant, runs in runs_of("revival").items()
    }
    own = died.pop("leni")
    (others,) = set(died.values())
    text = " ".join(EVIDENCE.split())
    assert f"(after {listed(others)} tasks), treated and trained on. Those of the row" in text
    assert f"until they died once more, on their own (after {listed(own)}):" in text


def listed(numbers):
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}"


def test_next_to_nothing_dies_where_pixels_are_permuted():
    runs = [run for of_seeds in runs_of("permuted").values() for run in of_seeds.values()]
    most = max(task["dead"][-1] for run in runs for task in run["tasks"])
    assert f"with any activation, at most {100 * most:.0f} % of the last hidden layer" in EVIDENCE
    assert f"Permuted Fashion-MNIST: at most {100 * most:.0f} % after any task" in EVIDENCE
