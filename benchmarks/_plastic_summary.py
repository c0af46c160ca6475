"""Tables and pictures of `plasticity.py`, from its runs alone."""

import pathlib

import numpy as np
from _paired_records import by_variant, compared, difference_cell, verdict_cell

from keras_negact._extras import require

LAST = 5


def write_curves(runs: list[dict], folder: pathlib.Path) -> None:
    """`summary.md` and `curves.png`: accuracy over the tasks."""
    rows = [
        "| variant | rate | online | last five tasks | difference (95 %) | verdict | "
        "dead at the end | seeds |",
        "|---|---:|---:|---:|---:|---|---:|---:|",
    ]
    differences = compared(runs, "relu", _late)
    for variant, own in by_variant(runs).items():
        online = np.mean([[task["online"] for task in run["tasks"]] for run in own])
        late = np.mean([_late(run) for run in own])
        rows.append(
            f"| {variant} | {own[0]['rate']:g} | {100 * online:.1f} | {100 * late:.1f} "
            f"| {_cells(differences.get(variant))} "
            f"| {np.mean([run['tasks'][-1]['dead'][-1] for run in own]):.2f} | {len(own)} |"
        )
    protocol = "; ".join(f"{key} {value}" for key, value in runs[0]["protocol"].items())
    rows += [
        "",
        "Accuracy on each task's own examples in percent: online, the mean over all tasks and "
        f"epochs while training; and when each of the last {LAST} tasks was over. Difference: of "
        "the latter, to relu, paired by seed, in points. Dead: channels of the last hidden layer "
        f"that are negative on every example. Protocol: {protocol}.",
    ]
    (folder / "summary.md").write_text("\n".join(rows) + "\n")
    _draw(runs, folder / "curves.png", "task")


def write_revival(runs: list[dict], folder: pathlib.Path) -> None:
    """`summary.md` and `curves.png`: what the tasks after the remedy reach."""
    rows = [
        "| remedy | outputs change by | first task after | fifth | difference (95 %) | verdict | "
        "seeds |",
        "|---|---:|---:|---:|---:|---|---:|",
    ]
    differences = compared(runs, "nothing", _late)
    for variant, own in by_variant(runs).items():
        change = max(run["largest_change_of_outputs"] for run in own)
        first, last = (
            100 * np.mean([run["tasks"][at]["accuracy"] for run in own]) for at in (0, -1)
        )
        rows.append(
            f"| {variant} | {change:.2g} | {first:.1f} | {last:.1f} "
            f"| {_cells(differences.get(variant))} | {len(own)} |"
        )
    by_seed = {run["seed"]: run for run in runs}
    died = ", ".join(str(by_seed[seed]["died_after"]) for seed in sorted(by_seed))
    rows += [
        "",
        "Networks with ReLU were trained on one task after the other until one ended below "
        f"20 % (after {died} tasks), then treated and trained on, all with a new optimizer. "
        "Difference: of the mean over the tasks after, to nothing, paired by seed, in points.",
    ]
    (folder / "summary.md").write_text("\n".join(rows) + "\n")
    _draw(runs, folder / "curves.png", "task after the remedy")


def _late(run):
    return float(np.mean([task["accuracy"] for task in run["tasks"][-LAST:]]))


def _cells(difference) -> str:
    return f"{difference_cell(difference, 1)} | {verdict_cell(difference)}"


def _draw(runs, path, label):
    require("matplotlib", "plot").use("Agg")
    figures = require("matplotlib.figure", "plot")
    figure = figures.Figure(figsize=(9.4, 3.8), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    # Where all reach 100 % in the end, they differ in how soon.
    titles = {"accuracy": "when the task is over", "online": "mean over the task's epochs"}
    for panel, (quantity, title) in zip(panels, titles.items(), strict=True):
        for variant, own in by_variant(runs).items():
            curves = 100 * np.array([[task[quantity] for task in run["tasks"]] for run in own])
            numbers = np.arange(1, curves.shape[1] + 1)
            (line,) = panel.plot(numbers, curves.mean(axis=0), ".-", label=variant, lw=1.6)
            panel.fill_between(
                numbers, curves.min(axis=0), curves.max(axis=0), alpha=0.12, color=line.get_color()
            )
        panel.set_title(title, fontsize=10, loc="left")
        panel.set_xlabel(label)
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.25)
    panels[0].set_ylabel("accuracy on the task, %")
    panels[0].set_ylim(0, 103)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    figure.savefig(path, dpi=120)
