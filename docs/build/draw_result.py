"""Draws README's result from the runs in `benchmarks/results`: above, who still learns when the
task changes; below, what is gained and lost where it does not. Needs the extras `plot`, `data`.

python docs/build/draw_result.py
"""

import json
import pathlib

import numpy as np
from matplotlib.figure import Figure

from keras_negact.comparison import read_runs, summarize

ROOT = pathlib.Path(__file__).parents[2]
RUNS = ROOT / "benchmarks" / "results"
GREY, OCHRE, BLUE, RED = "#555555", "#b07d12", "#1f5fa8", "#b3261e"
THIN, WIDE = 2, 5
#: For each study of `plasticity` its title, what its tasks are, and from its variants to their
#: words, colors and widths: ON/OFF ReLU is wide, as LENI runs over it.
TASKS = {
    "random_labels": (
        "a new labelling, time after time",
        "labelling",
        {
            "relu": ("ReLU", GREY, THIN),
            "prelu": ("PReLU", OCHRE, THIN),
            "on_off": ("ON/OFF ReLU", BLUE, WIDE),
            "leni": ("LENI", RED, THIN),
        },
    ),
    "revival": (
        "networks that died with ReLU, trained on",
        "labelling after the remedy",
        {
            "nothing": ("as they are", GREY, THIN),
            "reinitialized": ("dead units drawn anew", OCHRE, THIN),
            "on_off": ("swapped to ON/OFF ReLU", BLUE, WIDE),
            "leni": ("swapped to LENI", RED, THIN),
        },
    ),
}
#: For each study of `accuracy-standard` the network, its reference, and its variants' words.
FROM_SCRATCH = {
    "standard": (
        "fast network",
        "relu",
        {
            "leni": "LENI",
            "gelu": "GELU",
            "silu": "SiLU",
            "relu + depthwise": "ReLU + depthwise",
            "prelu": "PReLU",
            "funnel": "Funnel ReLU",
        },
    ),
    "resnet20": ("ResNet-20", "relu", {"leni": "LENI", "funnel": "Funnel ReLU"}),
    "on_off": (
        "plain CNN",
        "conventional, batch",
        {
            "full, batch": "ON/OFF ReLU",
            "halved, batch": "with half the filters",
            "conventional_half, batch": "ReLU, half the filters",
        },
    ),
}


def main() -> None:
    figure = Figure(figsize=(11.5, 5.6), facecolor="white", layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3, 2.6))
    draw_tasks(above.subplots(1, 2, sharey=True))
    draw_differences(below.subplots(1, 3))
    # No date and no random names: the same runs give the same file.
    path = ROOT / "docs" / "pictures" / "result.png"
    figure.savefig(path, dpi=160, metadata={"Software": None})


def draw_tasks(panels) -> None:
    """A line for the mean over the seeds, a band from the least to the greatest."""
    for panel, (study, (title, tasks, variants)) in zip(panels, TASKS.items(), strict=True):
        lines = (RUNS / "plasticity" / study / "runs.jsonl").read_text().splitlines()
        runs = [run for run in map(json.loads, lines) if "tasks" in run]
        for variant, (words, color, width) in variants.items():
            own = [run["tasks"] for run in runs if run["variant"] == variant]
            curves = 100 * np.array([[task["accuracy"] for task in run] for run in own])
            numbers = np.arange(1, curves.shape[1] + 1)
            panel.plot(numbers, curves.mean(axis=0), color=color, label=words, linewidth=width)
            panel.fill_between(
                numbers, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.12
            )
        panel.set_title(title, fontsize=10, loc="left")
        panel.set(xlabel=tasks, ylim=(0, 104))
        panel.grid(axis="y", alpha=0.25)
        panel.locator_params(axis="x", integer=True)
        panel.legend(fontsize=8, loc="best")
    panels[0].set_ylabel("learned by heart, %")


def draw_differences(panels) -> None:
    """For each variant its mean difference to ReLU."""
    for panel, (folder, (network, reference, words)) in zip(
        panels, FROM_SCRATCH.items(), strict=True
    ):
        summary = summarize(read_runs(RUNS / "accuracy-standard" / folder), reference)
        for height, name in enumerate(words):
            is_ours = words[name].startswith(("LENI", "ON/OFF"))
            draw_difference(panel, height, summary[name].difference, is_ours)
        accuracy = 100 * summary[reference].score
        panel.set_title(f"{network} (ReLU: {accuracy:.1f} %)", fontsize=10, loc="left")
        panel.axvline(0, color="black", linewidth=0.9)
        panel.grid(axis="x", alpha=0.25)
        panel.set(xlabel="points of accuracy above ReLU", ylim=(len(words) - 0.5, -0.5))
        panel.set_yticks(range(len(words)), words.values())


def draw_difference(panel, height: int, difference, is_ours: bool) -> None:
    """A point for the mean, a line for Student's 95 % interval, and the mean as a number."""
    low, mean, high = (
        100 * value for value in (difference.interval[0], difference.mean, difference.interval[1])
    )
    color = RED if is_ours else GREY
    panel.plot([low, high], [height, height], color=color, linewidth=3.5, alpha=0.6)
    panel.plot(mean, height, "o", color=color, markeredgecolor="white", markersize=8)
    panel.annotate(
        f"{mean:+.2f}",
        (1, height),
        xytext=(4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="left",
        va="center",
        fontsize=9,
        color=color,
    )
    panel.margins(x=0.1)


if __name__ == "__main__":
    main()
