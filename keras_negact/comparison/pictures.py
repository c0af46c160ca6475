"""The two pictures of a comparison: differences with intervals, and the metric against cost."""

import math
import os

import numpy as np

from keras_negact import _pictures
from keras_negact._extras import require

_COLORS = {
    "better": "#1a7f37",
    "worse": "#b3261e",
    "no difference seen": "#555555",
    "too few seeds": "#999999",
    "no spread seen": "#999999",
}


def draw_differences(summary, path: str | os.PathLike) -> None:
    """Draw each variant's difference to the reference, with its intervals and its seeds."""
    shown = [one for one in summary.variants if one.difference and one.differences]
    shown.sort(key=lambda one: one.difference.mean)
    figure, axes = _figure(8.5, 1.9 + 0.36 * len(shown))
    for height, one in enumerate(shown):
        difference, color = one.difference, _COLORS[one.difference.verdict]
        for interval, width in ((difference.adjusted_interval, 1.2), (difference.interval, 4.5)):
            if interval:
                low, high = (summary.scale * bound for bound in interval)
                axes.plot([low, high], [height, height], color=color, lw=width, alpha=0.75)
        axes.plot(
            [summary.scale * value for value in one.differences],
            [height - 0.27] * len(one.differences),
            "|",
            color=color,
            ms=5,
        )
        axes.plot(
            summary.scale * difference.mean, height, "o", color=color, mec="white", ms=8, zorder=3
        )
        axes.annotate(
            _signed(summary.scale * difference.mean),
            (1, height),
            xytext=(4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=color,
        )
    axes.axvline(0, color="black", lw=0.9)
    _limit_to_intervals(axes, shown, summary.scale)
    _point_beyond_the_edges(axes, shown, summary.scale)
    axes.set_yticks(range(len(shown)), [one.variant for one in shown])
    axes.set_ylim(-0.7, len(shown) - 0.3)
    points = " in points" if summary.scale == 100 else ""
    axes.set_xlabel(
        f"{summary.split} {summary.metric} minus {summary.reference}'s{points}, same seeds"
    )
    axes.grid(axis="x", alpha=0.25)
    axes.set_title(_title(summary), loc="left", fontsize=10)
    verdicts = [v for v in _COLORS if any(one.difference.verdict == v for one in shown)]
    handles = [axes.plot([], [], "o", color=_COLORS[v], label=v)[0] for v in verdicts]
    handles += [
        axes.plot([], [], color="#555555", lw=4.5, label="95 % (Student)")[0],
        axes.plot([], [], color="#555555", lw=1.2, label="at Holm's level")[0],
        axes.plot([], [], "|", color="#555555", label="one seed")[0],
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8
    )
    _pictures.save(figure, path)


def draw_costs(summary, path: str | os.PathLike) -> None:
    """Draw the metric against parameters and multiply-adds, each variant with its name."""
    costs = [
        ("trainable parameters", lambda one: one.parameters),
        ("multiply-adds an image", lambda one: one.multiply_adds),
    ]
    shown = [one for one in summary.variants if one.score is not None]
    costs = [(name, of) for name, of in costs if all(of(one) for one in shown)]
    height = max(4.3, 1.4 + 0.17 * len(shown))
    figure, panels = _figure(5.2 * len(costs) + 0.6, height, len(costs))
    panels = np.atleast_1d(panels)
    colors = require("matplotlib", "plot").colormaps["tab10"].colors
    best_first = sorted(shown, key=lambda one: -one.score)
    for panel, (name, of) in zip(panels, costs, strict=True):
        for number, one in enumerate(best_first):
            is_reference = one.variant == summary.reference
            panel.errorbar(
                of(one),
                summary.scale * one.score,
                yerr=summary.scale * _standard_error(one.scores),
                fmt="*" if is_reference else "o",
                color="black" if is_reference else colors[number % len(colors)],
                ms=12 if is_reference else 6,
                mec="white",
                mew=0.6,
                elinewidth=0.8,
                zorder=3 if is_reference else 2,
            )
            if is_reference:
                panel.axhline(summary.scale * one.score, color="black", lw=0.8, ls=":", zorder=1)
        panel.set_xscale("log")
        _plain_ticks(panel, [of(one) for one in shown])
        panel.set_xlabel(name)
        panel.grid(alpha=0.25)
    for panel, (_, of) in zip(panels, costs, strict=True):
        places = [(of(one), summary.scale * one.score) for one in best_first]
        _name_at_the_side(panel, places, best_first, summary.reference, colors)
    percent = ", %," if summary.scale == 100 else ""
    panels[0].set_ylabel(f"{summary.split} {summary.metric}{percent} and its standard error")
    figure.suptitle(_title(summary), fontsize=10, x=0.01, ha="left")
    _pictures.save(figure, path)


def _name_at_the_side(panel, places, variants, reference: str, colors) -> None:
    """Names in a column to the right, in the order of their heights, with a line to each mark."""
    low, high = panel.get_ylim()
    wanted = [(height - low) / (high - low) for _, height in places]
    for number, (place, level) in enumerate(zip(places, _apart(wanted), strict=True)):
        is_reference = variants[number].variant == reference
        color = "black" if is_reference else colors[number % len(colors)]
        panel.annotate(
            variants[number].variant,
            place,
            xytext=(1.05, level),
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            fontweight="bold" if is_reference else "normal",
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "lw": 0.5,
                "alpha": 0.7,
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 4,
            },
        )


def _apart(wanted: list[float]) -> list[float]:
    """Heights as near to those wanted, which fall, as lines of text allow."""
    gap = min(0.045, 1.0 / max(len(wanted) - 1, 1))
    levels = []
    for height in wanted:
        levels.append(min(height, levels[-1] - gap) if levels else min(height, 1.0))
    below = 0.0
    for number in reversed(range(len(levels))):
        levels[number] = max(levels[number], below)
        below = levels[number] + gap
    return levels


def _figure(width: float, height: float, columns: int = 1):
    figure = _pictures.new_figure(width, height)
    return figure, figure.subplots(1, columns, sharey=True)


def _limit_to_intervals(axes, shown, scale: float) -> None:
    """With few seeds Holm's intervals are so wide that nothing else could be seen."""
    bounds = [scale * value for one in shown for value in one.differences]
    bounds += [scale * bound for one in shown for bound in one.difference.interval or ()]
    if bounds:
        reach = max(abs(min(bounds)), abs(max(bounds))) or 1.0
        low, high = min(*bounds, 0.0), max(*bounds, 0.0)
        axes.set_xlim(low - 0.12 * reach, high + 0.12 * reach)


def _point_beyond_the_edges(axes, shown, scale: float) -> None:
    """Arrowheads where an interval goes on behind the edge."""
    edges = axes.get_xlim()
    for height, one in enumerate(shown):
        interval = one.difference.adjusted_interval or one.difference.interval
        if not interval:
            continue
        color = _COLORS[one.difference.verdict]
        if scale * interval[0] < edges[0]:
            axes.plot(edges[0], height, "<", color=color, ms=6, clip_on=False, zorder=4)
        if scale * interval[1] > edges[1]:
            axes.plot(edges[1], height, ">", color=color, ms=6, clip_on=False, zorder=4)


def _plain_ticks(panel, values) -> None:
    ticker = require("matplotlib.ticker", "plot")
    low, high = min(values, default=1), max(values, default=1)
    margin = max((high / low) ** 0.08, 1.03)
    panel.set_xlim(low / margin, high * margin)
    panel.xaxis.set_major_locator(ticker.MaxNLocator(4))
    panel.xaxis.set_minor_locator(ticker.NullLocator())
    panel.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _short(value)))


def _short(value: float) -> str:
    for size, suffix in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"


def _signed(value: float) -> str:
    return f"{value:+.2f}" if abs(value) < 100 else f"{value:+.3g}"


def _standard_error(scores) -> float:
    values = [score for score in scores if score is not None]
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def _title(summary) -> str:
    counts = sorted({len(one.seeds) for one in summary.variants})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    named = [summary.protocol.get(key) for key in ("dataset", "network") if key in summary.protocol]
    epochs = summary.protocol.get("epochs")
    return ", ".join([*named, f"{epochs} epochs", f"{seeds} seeds"])
