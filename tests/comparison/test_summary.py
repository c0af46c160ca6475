import contextlib
import json

import pytest

from keras_negact.comparison import compare, summarize
from keras_negact.comparison.results import append_run
from tests.support.comparisons import made_up_run
from tests.support.documented import ROOT, tables
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


def test_every_column_is_explained():
    heading = summarize(three_variants()).to_markdown().splitlines()[0]
    columns = [cell.strip() for cell in heading.strip("|").split("|")]
    explained = tables((ROOT / "docs" / "measuring.md").read_text())["How to read a table", 0]
    named = [name for row in explained for name in row["column"].split(", ")]
    assert columns == ["variant", *named]


def test_a_variant_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(KeyError, match=r"'relu', 'leni', 'elu'.*Received: 'gelu'"):
        summarize(three_variants())["gelu"]


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


def caption_of(runs):
    return summarize(runs).to_markdown().splitlines()[-1]


def test_runs_that_diverged_are_named_and_counted():
    runs = [run | {f"{s}_loss": 0.5 for s in SPLITS} for run in three_variants()]
    assert "no finite number" not in caption_of(runs)
    runs[1] |= {"test_loss": None}
    runs[4] |= {"train_loss": None}
    assert summarize(runs)["leni"].diverged == [0, 1]
    assert summarize(runs)["elu"].diverged == []
    assert (
        " Runs that ended in a loss that is no finite number: 2 of 4 of leni. Such a run counts "
        "with the accuracy that it has. " in caption_of(runs)
    )


def test_an_unread_test_set_is_no_divergence():
    protocol = {"dataset": "none", "evaluated_on": "validation"}
    runs = [{**run, "test_loss": None, "protocol": protocol} for run in three_variants()]
    assert "no finite number" not in caption_of(runs)


LOSS = {"evaluated_on": "test", "metric": "loss", "mode": "min"}


def runs_with_losses(**losses):
    """The same on all splits; `None` where a run diverged."""
    return [
        made_up_run(variant, seed, 0.5, protocol=LOSS) | {f"{s}_loss": loss for s in SPLITS}
        for variant, of_seed in losses.items()
        for seed, loss in enumerate(of_seed)
    ]


def test_a_run_without_the_metric_is_left_out_and_told_of(tmp_path):
    relu, leni = [0.5, 0.625, 0.75], [0.25, None, 0.625]
    summary = summarize(runs_with_losses(relu=relu, leni=leni, elu=[None] * 3))
    assert [one.variant for one in summary.variants] == ["relu", "leni", "elu"]
    assert summary["leni"].scores == leni
    assert summary["leni"].score == (0.25 + 0.625) / 2
    assert summary["leni"].gap == 0
    assert summary["leni"].differences == [-0.25, -0.125]
    assert summary["elu"].score is summary["elu"].gap is None
    assert summary["elu"].difference.verdict == "too few seeds"
    table = summary.to_markdown()
    assert "| elu |  |  |  |  | 3 |  | 1,000 | 0.05 M | too few seeds |" in table
    assert (
        " Runs that ended in a loss that is no finite number: 1 of 3 of leni; 3 of 3 of elu. Such "
        "a run is left out of means and differences where it has no loss. " in table
    )
    for draw in (summary.draw_differences, summary.draw_costs):
        draw(tmp_path / "picture.png")
        assert_is_picture(tmp_path / "picture.png")


def test_where_every_run_diverged_there_still_is_a_summary(tmp_path):
    summary = summarize(runs_with_losses(relu=[None, None], leni=[None, None]))
    assert [one.score for one in summary.variants] == [None, None]
    for draw in (summary.draw_differences, summary.draw_costs):
        draw(tmp_path / "picture.png")
        assert_is_picture(tmp_path / "picture.png")


def test_an_accuracy_that_is_counted_in_percent_is_not_made_percent_again():
    protocol = {"evaluated_on": "test", "metric": "acc", "mode": "max"}
    runs = [
        {**run, "protocol": protocol, **{f"{s}_acc": 100 * run["test_accuracy"] for s in SPLITS}}
        for run in three_variants()
    ]
    table = summarize(runs).to_markdown()
    assert "| leni | 82.65 | +2.15 (+1.945 to +2.355) |" in table
    assert "in percent" not in table


def test_equal_differences_are_told_from_rounding_on_the_scale_of_the_metric():
    """A loss of thousands is known to a ten-thousandth, in single precision."""
    runs = runs_with_losses(relu=[4000.0, 5000.0], leni=[4001.0, 5001.0 + 2.0**-11])
    assert summarize(runs)["leni"].difference.verdict == "no spread seen"
    small = runs_with_losses(relu=[4e-9, 5e-9, 6e-9], leni=[5e-9, 6e-9, 8e-9])
    assert summarize(small)["leni"].difference.verdict != "no spread seen"


def test_without_spread_no_test_is_claimed():
    """The others differ by a point; G*Power has ten pairs for one standard deviation."""
    runs = [made_up_run("relu", seed, 0.5 + 0.1 * seed) for seed in range(3)]
    runs += [made_up_run("leni", seed, 0.6 + 0.1 * seed) for seed in range(3)]
    runs += [made_up_run("elu", seed, 0.6 + 0.11 * seed) for seed in range(3)]
    table = summarize(runs).to_markdown()
    assert "| leni | 70.00 | +10.00 |  |  | 3 | +5.00 | 1,000 | 0.05 M | no spread seen |" in table
    assert "after Holm over 1 variant tested, at 5 %" in table
    assert "5 %: 10 for elu. Protocol" in table


def test_with_one_seed_no_test_is_spoken_of():
    caption = caption_of(three_variants()[:3])
    assert "Holm" not in caption
    assert "Detectable" not in caption


def test_the_line_on_seeds_says_what_test_it_is_about():
    """G*Power: 15 pairs for 0.8 of a standard deviation, which here is a point and a quarter."""
    spread = [-1.0, 0.0, 1.0]
    runs = [made_up_run("relu", seed, 0.5) for seed in range(3)]
    runs += [made_up_run("leni, 2", seed, 0.5 + one / 80) for seed, one in enumerate(spread)]
    assert (
        " Seeds that would show a true difference of one point in 80 % of cases, tested alone at "
        "5 %: 15 for leni, 2. " in caption_of(runs)
    )


def test_missing_seeds_are_told_of():
    runs = three_variants()
    assert "Incomplete" not in caption_of(runs)
    assert " Incomplete: of 4 seeds leni has 3; elu has 3. " in caption_of(runs[:-2])


def on_backend(run, backend):
    return run | {"hardware": {"backend": backend, "cores": 2}}


def test_pairs_of_two_backends_are_told_of():
    """Seeds 0 to 2 of all on JAX; of the fourth the reference and one variant on TensorFlow."""
    runs = [
        on_backend(run, "tensorflow" if run["seed"] == 3 and run["variant"] != "elu" else "jax")
        for run in three_variants()
    ]
    summary = summarize(runs)
    assert {one.variant: one.other_backend for one in summary.variants} == {
        "relu": [],
        "leni": [],
        "elu": [3],
    }
    assert (
        " Trained on another backend than relu with the same seed, which starts from other weights "
        "there, so that the pair shares no more than its data: elu with seed 3. "
    ) in caption_of(runs)


def test_pairs_of_one_backend_or_of_unknown_ones_need_no_telling():
    both = [on_backend(run, "jax" if run["seed"] < 3 else "torch") for run in three_variants()]
    assert "another backend" not in caption_of(both)
    for hardware in ({}, None, {"cores": 2}):
        assert "another backend" not in caption_of([both[0] | {"hardware": hardware}, *both[1:]])


def test_what_another_process_ended_meanwhile_is_in_the_summary(tmp_path, monkeypatch):
    """The last of several processes waits for its turn, and reads the runs after that."""
    append_run(tmp_path / "runs.jsonl", made_up_run("relu", 0, 0.5))

    @contextlib.contextmanager
    def owned_after_another(folder, *_, **__):
        append_run(folder / "runs.jsonl", made_up_run("leni", 0, 0.6))
        yield

    monkeypatch.setattr(compare, "owned", owned_after_another)
    summary = compare._write_summary(tmp_path, "relu")
    assert [one.variant for one in summary.variants] == ["relu", "leni"]
    assert "| leni | 60.00 |" in (tmp_path / "summary.md").read_text()


def test_runs_that_are_given_are_looked_at_as_those_of_files_are():
    relu = made_up_run("relu", 0, 0.8)
    leni = made_up_run("leni", 0, 0.9)
    assert summarize([relu, leni, made_up_run("leni", 0, 0.1)])["leni"].score == 0.9
    other = made_up_run("leni", 0, 0.9, protocol={"dataset": "other", "epochs": 3})
    with pytest.raises(ValueError, match="not comparable"):
        summarize([relu, other])
    with pytest.raises(ValueError, match="no run"):
        summarize([relu, {"variant": "leni"}])
