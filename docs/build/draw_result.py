"""Draws README's result from the runs in `benchmarks/results`; needs the extras `plot`, `data`.

python docs/build/draw_result.py
"""

import pathlib

from matplotlib.figure import Figure

from keras_negact.comparison import read_runs, summarize

ROOT = pathlib.Path(__file__).parents[2]
RUNS = ROOT / "benchmarks" / "results" / "accuracy-standard"
#: For each study the network, its reference, and from its variants to their words.
STUDIES = {
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
    figure = Figure(figsize=(11.5, 2.6), facecolor="white", layout="constrained")
    panels = figure.subplots(1, 3)
    for panel, (folder, (network, reference, words)) in zip(panels, STUDIES.items(), strict=True):
        summary = summarize(read_runs(RUNS / folder), reference)
        for height, name in enumerate(words):
            draw(panel, height, summary[name].difference, words[name] in ("LENI", "ON/OFF ReLU"))
        accuracy = 100 * summary[reference].score
        panel.set_title(f"{network} (ReLU: {accuracy:.1f} %)", fontsize=10, loc="left")
        panel.axvline(0, color="black", linewidth=0.9)
        panel.grid(axis="x", alpha=0.25)
        panel.set(xlabel="points of accuracy above ReLU", ylim=(len(words) - 0.5, -0.5))
        panel.set_yticks(range(len(words)), words.values())
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
