"""Draws the blocks of README and of the site; needs the extra `plot`.

python docs/build/draw_blocks.py
"""

import pathlib

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

FOLDER = pathlib.Path(__file__).parents[1] / "pictures"
WAYS = {"through": "#dfe6ec", "on": "#f6c9b0", "off": "#b9d3ee", "learned": "#7fb2e0"}


class Drawing:
    """Boxes and arrows in inches, on a white ground that suits light and dark pages."""

    def __init__(self, width: float, height: float):
        self.figure = Figure(figsize=(width, height), facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(0, height))
        self.axes.set_axis_off()

    def box(self, x, y, text, way, width=1.5, height=0.62):
        shape = FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.1",
            facecolor=WAYS[way],
            edgecolor="#33414e",
            linewidth=1.2,
        )
        self.axes.add_patch(shape)
        self.axes.text(x, y, text, ha="center", va="center", fontsize=11, color="#17222c")
        return (x - width / 2, y), (x + width / 2, y)

    def arrow(self, start, end, bend=None):
        style = {"arrowstyle": "-|>", "mutation_scale": 13, "color": "#33414e", "linewidth": 1.4}
        if bend is not None:
            style["connectionstyle"] = bend
        self.axes.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=1, **style))

    def note(self, x, y, text, size=10):
        self.axes.text(x, y, text, ha="center", va="center", fontsize=size, color="#33414e")

    def save(self, name: str) -> None:
        FOLDER.mkdir(exist_ok=True)
        # No date and no random names: the same drawing gives the same file.
        path = FOLDER / f"{name}.png"
        self.figure.savefig(path, dpi=160, metadata={"Software": None})


def leni() -> None:
    drawing = Drawing(9.4, 2.6)
    _, source = drawing.box(0.75, 1.3, "$x$", "through", 0.8)
    positive, positive_out = drawing.box(2.55, 1.95, r"relu$(x)$", "on")
    negative, negative_out = drawing.box(2.55, 0.65, r"relu$(-x)$", "off")
    transform, transform_out = drawing.box(4.6, 0.65, "depthwise 3x3", "learned")
    scale_p, scale_p_out = drawing.box(6.35, 1.95, r"$\times\ p$", "learned", 0.9)
    scale_n, scale_n_out = drawing.box(6.35, 0.65, r"$\times\ n$", "learned", 0.9)
    plus, plus_out = drawing.box(7.55, 1.3, "+", "through", 0.55, 0.55)
    target, _ = drawing.box(8.75, 1.3, "$y$", "through", 0.8)
    drawing.arrow(source, positive)
    drawing.arrow(source, negative)
    drawing.arrow(positive_out, scale_p)
    drawing.arrow(negative_out, transform)
    drawing.arrow(transform_out, scale_n)
    drawing.arrow(scale_p_out, (plus[0] + 0.12, plus[1] + 0.25))
    drawing.arrow(scale_n_out, (plus[0] + 0.12, plus[1] - 0.25))
    drawing.arrow(plus_out, target)
    drawing.note(4.6, 2.35, "what a ReLU keeps")
    drawing.note(4.6, 0.16, "what a ReLU throws away, and what is learned from it")
    drawing.save("leni")


def on_off_relu() -> None:
    drawing = Drawing(7.6, 2.2)
    _, source = drawing.box(0.85, 1.1, "$x$\n$C$ channels", "through", 1.2, 0.8)
    on, on_out = drawing.box(3.2, 1.65, r"ON: relu$(x)$", "on", 1.7)
    off, off_out = drawing.box(3.2, 0.55, r"OFF: relu$(-x)$", "off", 1.7)
    target, _ = drawing.box(6.3, 1.1, "side by side\n$2C$ channels", "through", 1.7, 0.8)
    drawing.arrow(source, on)
    drawing.arrow(source, off)
    drawing.arrow(on_out, (target[0], target[1] + 0.15))
    drawing.arrow(off_out, (target[0], target[1] - 0.15))
    drawing.save("on_off_relu")


def retina() -> None:
    drawing = Drawing(9.4, 2.6)
    _, source = drawing.box(0.75, 1.3, "RGB", "through", 0.9)
    contrast = "centre - surround\nat 3 scales"
    rows = {2.0: "green - red", 0.6: "blue - yellow"}
    surround, surround_out = drawing.box(4.95, 1.3, contrast, "through", 1.8, 0.9)
    on, on_out = drawing.box(7.0, 2.0, "ON", "on", 1.0)
    off, off_out = drawing.box(7.0, 0.6, "OFF", "off", 1.0)
    target, _ = drawing.box(8.6, 1.3, "12 channels", "through", 1.2, 0.8)
    for y, text in rows.items():
        into, out = drawing.box(2.6, y, text, "through", 1.5)
        drawing.arrow(source, into)
        drawing.arrow(out, (surround[0], surround[1] + (y - 1.3) * 0.3))
    drawing.arrow(surround_out, on)
    drawing.arrow(surround_out, off)
    drawing.arrow(on_out, (target[0], target[1] + 0.15))
    drawing.arrow(off_out, (target[0], target[1] - 0.15))
    drawing.save("retina")


def doubled_width() -> None:
    drawing = Drawing(9.4, 3.0)
    for y, name in ((2.3, "before"), (0.85, "after")):
        drawing.note(0.55, y, name)
    _, out = drawing.box(2.0, 2.3, "convolution\n$V$", "through", 1.5, 0.75)
    relu, relu_out = drawing.box(4.6, 2.3, r"relu$(x)$", "on", 1.6)
    behind, end = drawing.box(7.2, 2.3, "convolution\n$W$", "through", 1.5, 0.75)
    drawing.arrow(out, relu)
    drawing.arrow(relu_out, behind)
    _, new_out = drawing.box(2.0, 0.85, "convolution\n$V$", "through", 1.5, 0.75)
    on, on_out = drawing.box(4.6, 1.2, r"ON: relu$(x)$", "on", 1.6, 0.55)
    off, off_out = drawing.box(4.6, 0.5, r"OFF: relu$(-x)$", "off", 1.6, 0.55)
    kept, kept_end = drawing.box(7.2, 1.2, "$W$", "through", 1.5, 0.55)
    zero, zero_end = drawing.box(7.2, 0.5, "$0$", "learned", 1.5, 0.55)
    plus, plus_out = drawing.box(8.6, 0.85, "+", "through", 0.45, 0.45)
    drawing.arrow(new_out, on)
    drawing.arrow(new_out, off)
    drawing.arrow(on_out, kept)
    drawing.arrow(off_out, zero)
    drawing.arrow(kept_end, (plus[0], plus[1] + 0.12))
    drawing.arrow(zero_end, (plus[0], plus[1] - 0.12))
    drawing.arrow(end, (9.2, end[1]))
    drawing.arrow(plus_out, (9.2, plus_out[1]))
    drawing.save("doubled_width")


if __name__ == "__main__":
    leni()
    on_off_relu()
    retina()
    doubled_width()
