"""A signal in one dimension: rhythms whose beats come regularly, irregularly or too early.

    python benchmarks/rhythms.py        # draws some examples: rhythms.png

In the spirit of the ON/OFF paper's medical application (atrial fibrillation in electrocardiograms),
made by formulas alone, so that it can be made again anywhere. A beat is a sum of Gaussians: a small
one before, a narrow peak between two dips, a broad one after. At 64 samples a second:

| class | intervals between beats | beats |
| --- | --- | --- |
| regular | 0.6 to 1.1 s, the same within 3 % | complete |
| irregular | each drawn by itself, within 40 % | no small wave; ripples of 4 to 8 Hz |
| premature | as regular; one early after two to four | early ones broad, no small wave |

Half of the examples are upside down, as an electrode may be. Slow drift and noise are added, and
each example is scaled to unit deviation.
"""

import argparse

import numpy as np

CLASSES = ("regular", "irregular", "premature")
SAMPLES_A_SECOND = 64
# Center (s), width (s) and height.
SMALL_WAVE = ((-0.17, 0.030, 0.25),)
PEAK = ((-0.035, 0.014, -0.25), (0.0, 0.013, 1.2), (0.035, 0.014, -0.35))
BROAD_WAVE = ((0.26, 0.055, 0.35),)
BROAD_PEAK = ((0.0, 0.045, 1.1), (0.13, 0.06, -0.5))


def rhythms(
    count: int, length: int = 512, seed: int = 0, noise: tuple[float, float] = (0.05, 0.25)
) -> tuple[np.ndarray, np.ndarray]:
    """Make examples of the three rhythms, as many of each.

    Args:
        count: how many.
        length: samples in each, 64 a second.
        seed: of everything that is drawn.
        noise: from which to which deviation it is drawn, where a peak has a height of 1.2.

    Returns:
        The signals, float32 `(count, length, 1)`, and their classes, int32 `(count,)`.
    """
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(count) % len(CLASSES)).astype("int32")
    signals = [_signal(generator, CLASSES[label], length, noise) for label in labels]
    return np.stack(signals).astype("float32")[..., np.newaxis], labels


def _signal(
    generator: np.random.Generator, name: str, length: int, noise: tuple[float, float]
) -> np.ndarray:
    time = np.arange(length) / SAMPLES_A_SECOND
    signal = np.zeros(length)
    for beat, early in _beats(generator, name, time[-1]):
        waves = BROAD_PEAK if early else PEAK
        waves += BROAD_WAVE
        if name != "irregular" and not early:
            waves += SMALL_WAVE
        for center, width, height in waves:
            signal += height * np.exp(-0.5 * ((time - beat - center) / width) ** 2)
    if name == "irregular":
        signal += 0.08 * np.sin(2 * np.pi * (generator.uniform(4, 8) * time + generator.random()))
    drift = np.sin(2 * np.pi * (generator.uniform(0.1, 0.4) * time + generator.random()))
    signal += generator.uniform(0, 0.3) * drift
    signal += generator.uniform(*noise) * generator.normal(size=length)
    signal *= generator.choice([-1, 1])
    return (signal - signal.mean()) / signal.std()


def _beats(generator: np.random.Generator, name: str, end: float) -> list[tuple[float, bool]]:
    """When the beats come, and which of them are early."""
    interval = generator.uniform(0.6, 1.1)
    beats, beat = [], -generator.uniform(0, interval)
    until_early = generator.integers(1, 5)
    while beat < end + 1:
        beats.append((beat, False))
        if name == "irregular":
            beat += interval * generator.uniform(0.6, 1.4)
            continue
        until_early -= 1
        if name == "premature" and until_early == 0:
            beats.append((beat + interval * generator.uniform(0.55, 0.65), True))
            beat += 2 * interval
            until_early = generator.integers(2, 5)
        else:
            beat += interval * generator.uniform(0.97, 1.03)
    return beats


def _draw(path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    signals, labels = rhythms(60)
    figure, grid = pyplot.subplots(3, 2, figsize=(10, 5), sharex=True, layout="constrained")
    time = np.arange(signals.shape[1]) / SAMPLES_A_SECOND
    for label, row in enumerate(grid):
        for panel, signal in zip(row, signals[labels == label], strict=False):
            panel.plot(time, signal[:, 0], lw=0.9)
            panel.set_title(CLASSES[label], fontsize=9, loc="left")
    for panel in grid[-1]:
        panel.set_xlabel("s")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", default="rhythms.png")
    _draw(parser.parse_args().path)
