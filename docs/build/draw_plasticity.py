"""Draws who still learns when the task changes, from the runs in `benchmarks/results/plasticity`;
needs the extra `plot`.

python docs/build/draw_plasticity.py
"""

import json
import pathlib

import numpy as np
from matplotlib.figure import Figure

ROOT = pathlib.Path(__file__).parents[2]
RUNS = ROOT / "benchmarks" / "results" / "plasticity"
GREY, OCHRE, BLUE, RED = "#555555", "#b07d12", "#1f5fa8", "#b3261e"
THIN, WIDE = 2, 5
#: For each study its title, what its tasks are, and from its variants to their words, colors and
#: widths: ON/OFF ReLU is wide, as LENI runs over it.
STUDIES = {
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


def main() -> None:
    figure = Figure(figsize=(9.4, 2.9), facecolor="white", layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, (study, (title, tasks, variants)) in zip(panels, STUDIES.items(), strict=True):
        lines = (RUNS / study / "runs.jsonl").read_text().splitlines()
        runs = [json.loads(line) for line in lines]
        draw(panel, [run for run in runs if "tasks" in run], variants)
        panel.set_title(title, fontsize=10, loc="left")
        panel.set(xlabel=tasks, ylim=(0, 104))
    panels[0].set_ylabel("learned by heart, %")
    # No date and no random names: the same runs give the same file.
    path = ROOT / "docs" / "pictures" / "plasticity.png"
    figure.savefig(path, dpi=160, metadata={"Software": None})


def draw(panel, runs: list[dict], variants: dict[str, tuple[str, str, int]]) -> None:
    """A line for the mean over the seeds, a band from the least to the greatest."""
    for variant, (words, color, width) in variants.items():
        curves = 100 * np.array(
            [
                [task["accuracy"] for task in run["tasks"]]
                for run in runs
                if run["variant"] == variant
            ]
        )
        tasks = np.arange(1, curves.shape[1] + 1)
        panel.plot(tasks, curves.mean(axis=0), color=color, label=words, linewidth=width)
        panel.fill_between(tasks, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.12)
    panel.grid(axis="y", alpha=0.25)
    panel.locator_params(axis="x", integer=True)
    panel.legend(fontsize=8, loc="best")


if __name__ == "__main__":
    main()
