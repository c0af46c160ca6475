"""The two pictures of an analysis: bars for each activation, and feature maps of one image."""

import os

import keras
import numpy as np

from keras_negact import _checks, _pictures
from keras_negact.analysis.replay import Replay
from keras_negact.layers.leni import LENI

_BARS = (
    ("discarded_energy", "energy that a ReLU discards", "#b3261e"),
    ("negative_share", "negative values", "#e08a00"),
    ("units_without_gradient", "values without gradient", "#555555"),
    ("dead_channels", "dead channels", "#000000"),
)


def draw_bars(report, path: str | os.PathLike) -> None:
    """Draw a group of bars for each activation, and what of the negative part is let through."""
    sites = report.sites
    figure = _pictures.new_figure(8.5, 1.6 + 0.66 * len(sites))
    shares, seen = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    places = np.arange(len(sites))
    for number, (quantity, label, color) in enumerate(_BARS):
        values = [100 * getattr(site, quantity) for site in sites]
        offset = (number - (len(_BARS) - 1) / 2) * 0.2
        bars = shares.barh(places + offset, values, 0.19, color=color, label=label)
        shares.bar_label(bars, [f"{value:.0f}" for value in values], padding=2, fontsize=6.5)
    shares.set_yticks(places, [f"{site.path}\n{site.function}" for site in sites], fontsize=8)
    shares.set_ylim(len(sites) - 0.5, -0.5)
    shares.set_xlim(0, 107)
    shares.set_xticks(range(0, 101, 20))
    shares.set_xlabel("percent of channels, values or energy")
    passed_on = [100 * site.seen_energy for site in sites]
    bars = seen.barh(places, passed_on, 0.5, color="#1a7f37")
    seen.bar_label(bars, [f"{value:.0f}" for value in passed_on], padding=2, fontsize=8)
    seen.set_xlim(0, 1.25 * max(100.0, *passed_on))
    seen.set_xlabel("percent of the\nnegative energy passed on")
    for panel in (shares, seen):
        panel.grid(axis="x", alpha=0.25)
        panel.set_axisbelow(True)
    figure.legend(
        *shares.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(_BARS),
        frameon=False,
        fontsize=8,
    )
    figure.suptitle(f"{report.model}, {report.examples} examples", fontsize=10, x=0.01, ha="left")
    _pictures.save(figure, path)


def draw_feature_maps(
    model: keras.Model,
    image: np.ndarray,
    path: str | os.PathLike,
    site: str | None = None,
    channels: int = 6,
) -> None:
    """Draw feature maps of an image before an activation, and what the activations make of them.

    ON is what a ReLU passes on; OFF is what it throws away, and ON/OFF ReLU has both.

    Those channels are shown whose negative part holds the most energy. Where the activation is a
    LENI, its own trained output is shown. Elsewhere there is none, so an untrained one with random
    weights stands in for it, and is labelled so.

    Args:
        model: as for `negative_information_report`, on images.
        image: `(height, width, channels)`, as the model takes it, without the batch axis.
        path: of the picture.
        site: path of the activation. By default the first one.
        channels: how many to show.

    Raises:
        ValueError: if there is no such activation, or it has no feature maps to look at.

    Examples:
        >>> convolution = keras.layers.Conv2D(4, 3, activation="relu")
        >>> model = keras.Sequential([keras.Input((8, 8, 1)), convolution])
        >>> image = np.linspace(-1, 1, 64).reshape(8, 8, 1)
        >>> draw_feature_maps(model, image, "feature_maps.png", channels=2)
    """
    channels = _checks.integer("channels", channels, 1)
    path = _checks.writable_file("path", path)
    replay = Replay(model)
    maps = [one for one in replay.sites if one.rank == 4]
    chosen = next((one for one in maps if site in (None, one.path)), None)
    if chosen is None:
        known = f"one of the activations on feature maps, {[one.path for one in maps]}"
        raise _checks.refused("site", known, site)
    _check_image(image, model.input_shape[1:])
    before, leni, label = _around(replay, chosen, image)
    energy = np.sum(np.minimum(before, 0) ** 2, axis=(0, 1))
    shown = np.argsort(-energy)[:channels]
    on, off = np.maximum(before, 0), np.maximum(-before, 0)
    columns = [
        ("before", before),
        ("ON, as a ReLU", on),
        ("OFF, which a\nReLU throws away", off),
        (label, leni),
    ]
    figure = _pictures.new_figure(1.45 * (len(columns) + 1) + 0.5, 1.45 * len(shown) + 0.9)
    grid = figure.subplots(len(shown), len(columns) + 1, squeeze=False)
    _show_image(grid[:, 0], image)
    drawn = None
    for row, channel in zip(grid, shown, strict=True):
        reach = max(np.abs(maps[..., channel]).max() for _, maps in columns) or 1.0
        for panel, (_, maps) in zip(row[1:], columns, strict=True):
            drawn = panel.imshow(
                maps[..., channel] / reach, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest"
            )
        share = energy[channel] / (np.sum(before[..., channel] ** 2) or 1.0)
        row[1].set_ylabel(f"channel {channel}\n{100 * share:.0f} % negative", fontsize=8)
    for panel in grid[:, 1:].flat:
        panel.set_xticks([])
        panel.set_yticks([])
    for panel, (name, _) in zip(grid[0, 1:], columns, strict=True):
        panel.set_title(name, fontsize=9)
    bar = figure.colorbar(drawn, ax=grid[:, -1], shrink=0.7, ticks=[-1, 0, 1])
    bar.ax.tick_params(labelsize=8)
    figure.suptitle(
        f"{model.name}, {chosen.path}: red positive, blue negative, each channel to its own scale",
        fontsize=9,
        x=0.01,
        ha="left",
    )
    _pictures.save(figure, path)


def _check_image(image, expected: tuple) -> None:
    given = np.shape(image)
    fits = len(given) == len(expected) and all(
        size in (None, one) for one, size in zip(given, expected, strict=True)
    )
    if not fits:
        raise _checks.refused("image", f"one image of the shape {expected}", given)


def _around(replay: Replay, chosen, image: np.ndarray):
    seen = {}

    def at_site(site, x, function):
        y = function(x)
        if site is chosen:
            seen.setdefault("before", x)
            is_leni = isinstance(function, LENI) and y.shape == x.shape
            seen.setdefault("leni", y if is_leni else _random_leni(x, site))
            seen.setdefault("label", "LENI" if is_leni else "LENI, untrained,\nrandom start")
        return y

    replay(keras.ops.convert_to_tensor(image[None]), at_site)
    before, leni = (_channels_last(seen[name], chosen) for name in ("before", "leni"))
    return before, leni, seen["label"]


def _random_leni(x, site):
    initializer = keras.initializers.VarianceScaling(mode="fan_out", seed=0)
    block = LENI(start="random", kernel_initializer=initializer, data_format=site.data_format)
    return block(x)


def _channels_last(tensor, site) -> np.ndarray:
    maps = keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))[0]
    return np.moveaxis(maps, 0, -1) if site.data_format == "channels_first" else maps


def _show_image(panels, image: np.ndarray) -> None:
    for panel in panels:
        panel.set_axis_off()
    channels_first = keras.config.image_data_format() == "channels_first"
    image = np.asarray(np.moveaxis(image, 0, -1) if channels_first else image, "float32")
    low, high = image.min(), image.max()
    image = (image - low) / ((high - low) or 1.0)
    if image.shape[-1] != 3:
        image = image[..., 0]
    panels[0].imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    panels[0].set_title("image", fontsize=9)
