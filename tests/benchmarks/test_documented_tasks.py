"""What README and docs say of tasks that change, and of networks that died, against the committed
runs."""

import json
import re

import numpy as np
import pytest

from tests.support.documented import RESULTS, ROOT, interval


def test_every_row_of_changing_tasks_is_that_of_its_runs():
    runs = {}
    for line in (RESULTS / "plasticity" / "candidates" / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        runs.setdefault(run["variant"], []).append(run["tasks"])
    text = (ROOT / "docs" / "evidence.md").read_text()
    rows = re.findall(
        r"^\| ([^|]+) \| (\d+\.\d) \| (\d+\.\d) \| (\d\.\d\d) \|$", text, re.MULTILINE
    )
    assert {row[0] for row in rows} == set(runs)
    for variant, online, late, dead in rows:
        own = runs[variant]
        expected = (
            f"{100 * np.mean([[task['online'] for task in tasks] for tasks in own]):.1f}",
            f"{100 * np.mean([[task['accuracy'] for task in tasks[-5:]] for tasks in own]):.1f}",
            f"{np.mean([tasks[-1]['dead'][-1] for tasks in own]):.2f}",
        )
        assert (online, late, dead) == expected, variant


def test_every_row_of_relabelled_digits_is_that_of_its_runs():
    runs = {}
    for line in (RESULTS / "plasticity" / "digits" / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        accuracies = [100 * task["accuracy"] for task in run["tasks"]]
        runs.setdefault(run["variant"], []).append(accuracies)
    text = (ROOT / "docs" / "evidence.md").read_text()
    number = r"(\d+\.\d)"
    pattern = rf"^\| (\w+) \| (\d) \| {number} \| {number} \| {number} \|$"
    rows = re.findall(pattern, text, re.MULTILINE)
    assert {row[0] for row in rows} >= {"relu", "leni", "on_off"}
    for variant, seeds, *written in rows:
        assert int(seeds) == len(runs[variant])
        first, *_, last = np.transpose(runs[variant])
        assert written == [f"{x:.1f}" for x in (first.mean(), last.mean(), last.min())], variant


PLASTICITY = RESULTS / "plasticity"


def runs_of_tasks(study):
    """For each variant its runs, by seed; those that only choose a rate are left out."""
    variants = {}
    for line in (PLASTICITY / study / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        if "tasks" in run:
            variants.setdefault(run["variant"], {})[run["seed"]] = run
    return variants


def accuracies_of_tasks(runs, last):
    return {
        seed: 100 * np.mean([task["accuracy"] for task in run["tasks"][-last:]])
        for seed, run in runs.items()
    }


def difference_of_tasks(runs, reference, last=5):
    if runs is reference:
        return ""
    one, other = (accuracies_of_tasks(each, last) for each in (runs, reference))
    mean, low, high = interval(one, other, decimals=1)
    return f"{mean} ({low} to {high})"


def cells_of(text, variants, columns):
    """The rows of a page's table with these variants and as many columns."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    return [row for row in rows if row[0] in variants and len(row) == columns]


@pytest.mark.parametrize("study", ["random_labels", "permuted"])
def test_every_row_of_tasks_that_change_is_that_of_its_runs(study):
    variants = runs_of_tasks(study)
    text = (PLASTICITY / study / "summary.md").read_text()
    rows = cells_of(text, variants, 8)
    assert [row[0] for row in rows] == list(variants)
    for name, rate, online, late, difference, _, dead, seeds in rows:
        runs = variants[name]
        assert {float(rate)} == {run["rate"] for run in runs.values()}
        tasks = [run["tasks"] for run in runs.values()]
        assert online == f"{100 * np.mean([[t['online'] for t in run] for run in tasks]):.1f}"
        assert late == f"{np.mean(list(accuracies_of_tasks(runs, 5).values())):.1f}"
        assert difference == difference_of_tasks(runs, variants["relu"])
        assert dead == f"{np.mean([run[-1]['dead'][-1] for run in tasks]):.2f}"
        assert int(seeds) == len(runs) == 5
        assert (
            "| " + " | ".join([name, rate, online, late, difference])
            in (ROOT / "docs" / "evidence.md").read_text()
        )


def test_every_row_of_the_revival_is_that_of_its_runs():
    variants = runs_of_tasks("revival")
    page = (ROOT / "docs" / "evidence.md").read_text()
    rows = cells_of((PLASTICITY / "revival" / "summary.md").read_text(), variants, 7)
    assert [row[0] for row in rows] == list(variants)
    for row in rows:
        name, _, first, fifth, difference, _, seeds = row
        runs = variants[name]
        tasks = [[100 * task["accuracy"] for task in run["tasks"]] for run in runs.values()]
        assert [first, fifth] == [f"{x:.1f}" for x in np.mean(tasks, axis=0)[[0, 4]]]
        assert difference == difference_of_tasks(runs, variants["nothing"])
        assert int(seeds) == len(runs) == 5
        assert f"| {name} | {row[1]} | {first} | {fifth} | {difference} |" in page


@pytest.mark.parametrize("page", ["README.md", "docs/which.md"])
def test_what_is_said_of_changing_tasks_is_that_of_the_runs(page):
    text = (ROOT / page).read_text()
    variants = runs_of_tasks("random_labels")
    late = {
        name: f"{np.mean(list(accuracies_of_tasks(runs, 5).values())):.1f}"
        for name, runs in variants.items()
    }
    said = re.findall(r"ReLU (\d+\.\d)(?: %)?, LENI (\d+\.\d)", text)
    assert said == [(late["relu"], late["leni"])]
    assert late["on_off"] == late["leaky"] == late["leni"]
    assert f"PReLU {late['prelu']}" in text


def test_what_is_said_of_the_revival_is_that_of_the_runs():
    variants = runs_of_tasks("revival")
    readme = (ROOT / "README.md").read_text()
    number = r"\d+\.\d"
    written = re.findall(
        rf"({number}\s\({number} to {number}\)) points above their untreated twins", readme
    )
    measured = [
        difference_of_tasks(variants[name], variants["nothing"])
        for name in ("leni", "reinitialized")
    ]
    assert [" ".join(each.split()) for each in written] == [
        each.replace("+", "") for each in measured
    ]
    which = (ROOT / "docs" / "which.md").read_text()
    fifth = {
        name: np.mean([100 * run["tasks"][4]["accuracy"] for run in runs.values()])
        for name, runs in variants.items()
    }
    assert (
        f"untreated {fifth['nothing']:.1f} %, "
        f"dead units drawn anew {fifth['reinitialized']:.1f} %, "
        f"swapped to LENI {fifth['leni']:.1f} %, to PReLU {fifth['prelu']:.1f} %"
    ) in which
