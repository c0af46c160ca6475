"""Every accuracy and every difference that README, `docs/evidence.md` and `docs/which.md` name
outside of the tables that other tests read, against the committed runs.

The sentences stand once more in `tests/support/documented_prose.py`, with fields for figures.
"""

import json
import re

import numpy as np
import pytest

from tests.support.documented import RESULTS, ROOT, figure, filled, percent, runs_of, tables
from tests.support.documented_prose import EVIDENCE, LITTLE_DATA, README, WHICH

PROSE = {"README.md": README, "docs/which.md": WHICH, "docs/evidence.md": EVIDENCE}
# By a heading, the tables that other tests read.
READ = {
    "accuracy",
    "corrupted",
    "form",
    "rate",
    "remedy",
    "online",
    "peak rate",
    "plain CNN, the same",
    "the first labelling",
}
A_FIGURE = re.compile(r"[+-]\d+\.\d+|\d+(?:\.\d+)? %")
# Of the method, and of what pictures show.
NO_MEASUREMENTS = re.compile(
    "95 % interval|intervals are 95 %|between 85 and 95 %|fallen below 20 %|(stay|end) at 100 %"
)


def fragments(page):
    """What the page has to say, filled in."""
    said = [filled(in_one_line(template)) for template in PROSE[page].split("\n\n")]
    if page == "docs/evidence.md":
        said += [*map(little_data, LITTLE_DATA), *diverged(), *in_whole_percent()]
        said.append(between_backends())
    return said


def little_data(table):
    study = f"reduced/{table.partition('/')[0]}"
    row = in_one_line(LITTLE_DATA[table])
    reference = re.search("<([^>]+)>", row)[1]

    def field(match):
        if match[1] == reference:
            return figure(f"{study}: {reference}")
        verdict = figure(f"reduced/{table}, but for no difference: {match[1]}")
        return figure(f"{study}: {match[1]} minus {reference}") + verdict

    return re.sub("<([^>]+)>", field, row)


def diverged():
    """The runs whose loss is no number, which a record has no name for."""
    study = "choice_of_gain/0.3/cifar_resnet20"
    ended = {
        name: [percent(run) for run in runs.values() if run["validation_loss"] is None]
        for name, runs in runs_of(study).items()
    }
    assert {name: len(lost) for name, lost in ended.items() if lost} == {
        "keep, gain 3": 3,
        "keep, gain 2": 1,
    }
    (at,) = {f"{value:.2f}" for values in ended.values() for value in values}
    yield f"a gain of 3 and one of three with a gain of 2 ended in NaN, at {at} %."
    runs, twins = (
        runs_of("learning_faster/cifar_resnet20")[name]
        for name in ("leni, gain 3", "leni, frozen kernel")
    )
    others = {seed: percent(run) for seed, run in runs.items() if run["test_loss"] is not None}
    (lost,) = {percent(runs[seed]) for seed in runs.keys() - others.keys()}
    assert (len(runs), len(others)) == (6, 5)
    assert all(value > percent(twins[seed]) for seed, value in others.items())
    between = f"{min(others.values()):.1f} to {max(others.values()):.1f} %"
    yield f"at {lost:.0f} %; the other five are at {between}, each above its twin."


def in_whole_percent():
    resnet, plain = (float(figure(f"reduced/{study}: relu")) for study in ("resnet20", "cnn"))
    yield f"It leaves the ReLU networks at {resnet:.0f} and {plain:.0f} % on CIFAR-10"
    yield "Permuted Fashion-MNIST: at most 3 % after any task"
    yield "with any activation, at most 3 % of the last hidden layer"
    parameters = {name: runs[0]["parameters"] for name, runs in runs_of("on_off").items()}
    fewer = 1 - parameters["first third, batch"] / parameters["conventional, batch"]
    yield f"with {100 * fewer:.0f} % fewer parameters"


def between_backends():
    """How far apart the means of two backends are, where a variant has runs of both."""
    apart = []
    for runs in runs_of("claims").values():
        of_backends = {}
        for run in runs.values():
            of_backends.setdefault(run["hardware"]["backend"], []).append(percent(run))
        if len(of_backends) == 2:
            means = {name: np.mean(values) for name, values in of_backends.items()}
            apart.append(means["tensorflow"] - means["jax"])
    assert len(apart) == 7
    return f"are {min(apart):+.2f} to {max(apart):+.2f} points from the others, by their means."


def prose(page):
    """A page in one line, without code and without the tables that other tests read."""
    text = (ROOT / page).read_text()
    text = re.sub(r"```.*?```|^    .*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    for table in re.findall(r"^\|.*\n(?:\|.*\n)+", text, re.MULTILINE):
        if READ & {cell.strip() for cell in table.splitlines()[0].split("|")}:
            text = text.replace(table, "")
    return in_one_line(text)


def in_one_line(text):
    return " ".join(text.split())


@pytest.mark.parametrize("page", PROSE)
def test_every_figure_in_prose_is_that_of_its_runs(page):
    text = prose(page)
    assert [one for one in fragments(page) if one not in text] == []


@pytest.mark.parametrize("page", PROSE)
def test_no_figure_in_prose_is_left_out_here(page):
    text = NO_MEASUREMENTS.sub("", prose(page))
    for fragment in fragments(page):
        text = text.replace(fragment, "")
    assert A_FIGURE.findall(text) == []


def test_not_one_channel_is_dead_where_it_is_said_that_none_is():
    path = RESULTS / "accuracy-standard" / "standard" / "dead_channels.json"
    record = json.loads(path.read_text())
    assert (record["variant"], record["images"]) == ("relu", 1_000)
    seeds = record["dead_channels"]
    assert {share for sites in seeds.values() for share in sites.values()} == {0}
    assert len(seeds) == 6
    said = "not one channel of the six trained ReLU networks is dead on 1,000 test images"
    assert said in prose("docs/evidence.md")


def test_every_claim_and_question_has_an_answer_of_few_words():
    of_pages = tables((ROOT / "docs" / "evidence.md").read_text())
    claims, questions = (of_pages["In short", number] for number in (0, 1))
    for row in claims:
        assert row["verdict"].startswith(("confirmed", "not confirmed", "not testable here")), row
    for row in questions:
        assert row["answer"].startswith(("better", "worse", "no difference seen")), row
