"""Draws README's result from the runs in `benchmarks/results`; needs the extras `plot`, `data`.

python docs/build/draw_result.py
"""

import pathlib

from matplotlib.figure import Figure

from keras_negact.comparison import read_runs, summarize

ROOT = pathlib.Path(__file__).parents[2]
RUNS = ROOT / "benchmarks" / "results" / "accuracy-reduced"
NETWORKS = {"cnn": "plain CNN", "resnet20": "ResNet-20"}
SHOWN = {
    "leni": "LENI",
    "on_off_relu": "ON/OFF ReLU",
    "funnel": "Funnel ReLU",
    "prelu": "PReLU",
    "silu": "SiLU",
}


def main() -> None:
    figure = Figure(figsize=(9.4, 2.7), facecolor="white", layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, (folder, network) in zip(panels, NETWORKS.items(), strict=True):
        summary = summarize(read_runs(RUNS / folder))
        for height, name in enumerate(SHOWN):
            draw(panel, height, summary[name].difference, name == "leni")
        reference = summary[summary.reference].score
        panel.set_title(f"{network} (ReLU: {100 * reference:.1f} %)", fontsize=10, loc="left")
        panel.axvline(0, color="black", linewidth=0.9)
        panel.grid(axis="x", alpha=0.25)
        panel.set(xlabel="points of accuracy above ReLU", ylim=(len(SHOWN) - 0.5, -0.5))
    panels[0].set_yticks(range(len(SHOWN)), SHOWN.values())
    # No date and no random names: the same runs give the same file.
    path = ROOT / "docs" / "pictures" / "result.png"
    figure.savefig(path, dpi=160, metadata={"Software": None})


def draw(panel, height: int, difference, is_ours: bool) -> None:
    """A point for the mean, a line for Student's 95 % interval, and the mean as a number."""
    low, mean, high = (
        100 * value for value in (difference.interval[0], difference.mean, difference.interval[1])
    )
    color = "#b3261e" if is_ours else "#555555"
    panel.plot([low, high], [height, height], color=color, linewidth=3.5, alpha=0.6)
    panel.plot(mean, height, "o", color=color, markeredgecolor="white", markersize=8)
    panel.annotate(
        f"{mean:+.2f}",
        (1, height),
        xytext=(-4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=9,
        color=color,
    )
    panel.margins(x=0.2)


if __name__ == "__main__":
    main()
