import json

import pytest

from keras_negact.comparison import summarize
from keras_negact.comparison.results import append_run
from tests.support.comparisons import made_up_run
from tests.support.pictures import assert_is_picture

SPLITS = ("train", "validation", "test")


def three_variants():
    runs = []
    for seed, relu in enumerate((0.80, 0.82, 0.81, 0.79)):
        runs.append(made_up_run("relu", seed, relu))
        runs.append(made_up_run("leni", seed, relu + 0.02 + 0.001 * seed, parameters=1030))
        runs.append(made_up_run("elu", seed, relu + (-1) ** seed * 0.01))
    return runs


def test_table_says_what_the_runs_say():
    summary = summarize(three_variants())
    assert [one.variant for one in summary.variants] == ["relu", "leni", "elu"]
    leni = summary["leni"]
    assert leni.score == pytest.approx(0.8265)
    assert leni.difference.mean == pytest.approx(0.0215)
    assert leni.differences == pytest.approx([0.02, 0.021, 0.022, 0.023])
    assert leni.gap == pytest.approx(0.05)
    assert leni.difference.verdict == "better"
    assert summary["elu"].difference.verdict == "no difference seen"
    assert summary["relu"].difference is None

    heading, _, relu, leni, _elu, *_ = summary.to_markdown().splitlines()
    assert heading.count("|") == relu.count("|") == leni.count("|")
    assert leni.startswith("| leni | 82.65 | +2.15 (+1.94 to +2.36) |")
    assert leni.endswith("| 4 | +5.00 | 1,030 | 0.05 M | better |")
    assert relu.endswith("| reference |")


def test_a_bar_in_a_name_ends_no_cell():
    runs = [made_up_run(name, seed, 0.5 + seed / 9) for name in ("relu", "|x|") for seed in (1, 2)]
    lines = summarize(runs).to_markdown().splitlines()
    assert any(line.startswith(r"| \|x\| | ") for line in lines)


def test_everything_goes_to_json():
    summary = summarize(three_variants())
    again = json.loads(json.dumps(summary.to_dict()))
    assert again["variants"][1]["difference"]["verdict"] == "better"


def test_only_seeds_that_both_have_are_paired():
    runs = [made_up_run("relu", seed, 0.5) for seed in (0, 1, 2)]
    runs += [made_up_run("leni", seed, 0.5 + 0.01 * seed) for seed in (1, 2, 7)]
    leni = summarize(runs)["leni"]
    assert leni.differences == pytest.approx([0.01, 0.02])
    assert leni.difference.count == 2
    assert leni.seeds == [1, 2, 7]


def test_an_error_is_shown_as_it_is_and_less_of_it_is_better():
    protocol = {"evaluated_on": "test", "metric": "mae", "mode": "min"}
    runs = [
        {**run, "protocol": protocol, **{f"{s}_mae": 1 + 9 * run["test_accuracy"] for s in SPLITS}}
        for run in three_variants()
    ]
    summary = summarize(runs)
    assert summary.variants[-1].variant == "leni"
    assert summary["leni"].difference.verdict == "worse"
    assert summary["leni"].difference.mean == pytest.approx(9 * 0.0215)
    table = summary.to_markdown()
    assert table.startswith("| variant | mae | ")
    assert "| leni | 8.438 | +0.1935 (+0.175 to +0.212) |" in table
    assert "Mae on the test examples; less is better." in table
    assert "one point" not in table


def test_html_in_a_name_is_shown_and_not_run():
    runs = [made_up_run(name, s, 0.5 + s / 9) for name in ("relu", "<b>x</b>") for s in (1, 2)]
    assert "| &lt;b&gt;x&lt;/b&gt; | " in summarize(runs).to_markdown()


def test_validation_stands_in_while_the_test_set_is_unread():
    protocol = {"dataset": "none", "evaluated_on": "validation"}
    runs = [{**run, "test_accuracy": None, "protocol": protocol} for run in three_variants()]
    summary = summarize(runs)
    assert summary.split == "validation"
    assert (
        "Accuracy on the validation examples, in percent; more is better." in summary.to_markdown()
    )


def test_reference_must_be_there(tmp_path):
    append_run(tmp_path / "runs.jsonl", made_up_run("leni", 0, 0.5))
    with pytest.raises(ValueError, match=r"one of \['leni'\]\. Received: 'relu'"):
        summarize(tmp_path)


def test_pictures_of_few_seeds_and_unknown_costs(tmp_path):
    runs = [made_up_run(name, 0, 0.5, multiply_adds=None) for name in ("relu", "leni", "elu")]
    summary = summarize([*runs, made_up_run("leni", 1, 0.6), made_up_run("relu", 1, 0.55)])
    for name, draw in (("d", summary.draw_differences), ("c", summary.draw_costs)):
        draw(tmp_path / f"{name}.png")
        assert_is_picture(tmp_path / f"{name}.png")
    assert len(list(tmp_path.iterdir())) == 2
