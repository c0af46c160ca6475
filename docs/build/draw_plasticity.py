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
GREY, BLUE, RED = "#555555", "#1f5fa8", "#b3261e"
#: For each study its title, and from its variants to their words and colors.
STUDIES = {
    "candidates": (
        "CIFAR-10 under new random labels",
        {"relu": ("ReLU", GREY), "keep, gain 3": ("LENI", RED)},
    ),
    "digits": (
        "digits under new random labels",
        {"relu": ("ReLU", GREY), "on_off": ("ON/OFF ReLU", BLUE), "leni": ("LENI", RED)},
    ),
}


def main() -> None:
    figure = Figure(figsize=(9.4, 2.9), facecolor="white", layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for panel, (study, (title, variants)) in zip(panels, STUDIES.items(), strict=True):
        lines = (RUNS / study / "runs.jsonl").read_text().splitlines()
        draw(panel, [json.loads(line) for line in lines], variants)
        panel.set_title(title, fontsize=10, loc="left")
        panel.set(xlabel="labelling", ylim=(0, 104))
    panels[0].set_ylabel("learned by heart, %")
    # No date and no random names: the same runs give the same file.
    path = ROOT / "docs" / "pictures" / "plasticity.png"
    figure.savefig(path, dpi=160, metadata={"Software": None})


def draw(panel, runs: list[dict], variants: dict[str, tuple[str, str]]) -> None:
    """A line for the mean over the seeds, a band from the least to the greatest."""
    for variant, (words, color) in variants.items():
        curves = 100 * np.array(
            [
                [task["accuracy"] for task in run["tasks"]]
                for run in runs
                if run["variant"] == variant
            ]
        )
        tasks = np.arange(1, curves.shape[1] + 1)
        label = f"{words} ({len(curves)} seeds)"
        panel.plot(tasks, curves.mean(axis=0), color=color, label=label, linewidth=2)
        panel.fill_between(tasks, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.12)
    panel.grid(axis="y", alpha=0.25)
    panel.locator_params(axis="x", integer=True)
    panel.legend(fontsize=8, loc="center right")


if __name__ == "__main__":
    main()
