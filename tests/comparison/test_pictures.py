import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_negact import _pictures
from keras_negact.comparison import summarize
from tests.support.comparisons import made_up_run


def figure_of(draw, monkeypatch):
    drawn = []
    monkeypatch.setattr(_pictures, "save", lambda figure, path: drawn.append(figure))
    draw("nowhere.png")
    (figure,) = drawn
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    return figure


@pytest.fixture(scope="module")
def many():
    """22 variants that are nearly alike."""
    names = ["relu", *(f"variant {number}" for number in range(21))]
    runs = [
        made_up_run(name, seed, 0.5 + 0.001 * number + 0.0007 * (number * seed % 3))
        for number, name in enumerate(names)
        for seed in range(3)
    ]
    return summarize(runs)


def test_names_beside_the_marks_never_cover_each_other(many, monkeypatch):
    figure = figure_of(many.draw_costs, monkeypatch)
    for panel in figure.axes:
        to_the_right, levels = zip(*(text.xyann for text in panel.texts), strict=True)
        assert len(levels) == 22
        apart = -np.diff(levels) * panel.get_window_extent().height * 72 / figure.dpi  # points
        assert apart.min() >= max(text.get_fontsize() for text in panel.texts)
        assert min(to_the_right) > 1
        assert 0 <= min(levels) < max(levels) <= 1
    names = [text.get_text() for text in figure.axes[0].texts]
    scores = {one.variant: one.score for one in many.variants}
    assert names == sorted(scores, key=lambda name: -scores[name])


def test_each_difference_stands_as_a_number(many, monkeypatch):
    figure = figure_of(many.draw_differences, monkeypatch)
    texts = {text.get_text() for text in figure.axes[0].texts}
    expected = {
        f"{100 * np.mean(one.differences):+.2f}" for one in many.variants if one.differences
    }
    assert texts == expected


def test_an_arrow_where_an_interval_goes_on(monkeypatch):
    """Student's interval of two seeds at Holm's level is far wider than the axis."""
    runs = [made_up_run("relu", seed, 0.5) for seed in range(2)]
    runs += [made_up_run("leni", seed, 0.6 + 0.02 * seed) for seed in range(2)]
    runs += [made_up_run("elu", seed, 0.5 + 0.02 * seed) for seed in range(2)]
    figure = figure_of(summarize(runs).draw_differences, monkeypatch)
    low, high = figure.axes[0].get_xlim()
    arrows = [line for line in figure.axes[0].lines if line.get_marker() in ("<", ">")]
    assert {line.get_marker() for line in arrows} == {"<", ">"}
    assert {float(line.get_xdata()[0]) for line in arrows} == {low, high}


def test_without_spread_a_difference_has_a_mark_and_no_interval(monkeypatch):
    runs = [made_up_run("relu", seed, 0.5 + 0.1 * seed) for seed in range(2)]
    runs += [made_up_run("leni", seed, 0.6 + 0.1 * seed) for seed in range(2)]
    figure = figure_of(summarize(runs).draw_differences, monkeypatch)
    (axes,) = figure.axes
    places = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
    assert [10.0] in [pytest.approx(list(place)) for place in places]
    lines = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert [line for line in lines if len(line.get_xdata()) and line.get_lw() > 1] == []
