"""The tables of accuracies in `docs/`, whole rows against the committed runs: means and Student's
intervals of paired differences, computed here anew."""

import json
import re

import numpy as np
import pytest

from tests.support.documented import (
    RESULTS,
    ROOT,
    committed,
    figure,
    interval,
    percent,
    runs_of,
    tables,
)

EVIDENCE = (ROOT / "docs" / "evidence.md").read_text()
ON_OFF = "ON/OFF ReLU, with and without normalization (`on_off`)"
LEARNS = "The block learns (`cifar_resnet20`, `on_off_cnn`)"
FROZEN = "leni, frozen kernel"
# For a heading and the number of the table under it: its study, the reference, and the committed
# table that says what is detectable and what the verdict is.
ACCURACIES = {
    ("The fast network (`standard`)", 0): ("standard", "relu", "standard"),
    ("LENI's parts and its width (`claims`)", 0): ("claims", "relu", "claims"),
    ("A residual network (`resnet20`)", 0): ("resnet20", "relu", "resnet20"),
    (ON_OFF, 0): ("on_off", "conventional, batch", "on_off/batch"),
    (ON_OFF, 1): ("on_off", "conventional, none", "on_off/none"),
    ("Between tokens (`tokens`)", 0): ("tokens", "gelu", "tokens"),
    ("Rhythms, a signal in one dimension (`rhythms`)", 0): ("rhythms", "relu", "rhythms"),
    ("Swapped and fine-tuned (`fine_tuning`)", 0): ("fine_tuning", "relu", "fine_tuning"),
    **{
        (LEARNS, number): (study, FROZEN, study)
        for number, study in enumerate(
            f"{name}/{network}"
            for name in ("learning", "learning_faster")
            for network in ("cifar_resnet20", "on_off_cnn")
        )
    },
}


def test_every_table_of_accuracies_is_tied_to_a_study():
    found = {place for place, rows in tables(EVIDENCE).items() if "accuracy" in rows[0]}
    assert found == set(ACCURACIES)


@pytest.mark.parametrize("place", ACCURACIES, ids=lambda place: f"{place[0]} {place[1]}")
def test_every_row_of_accuracies_is_that_of_its_study(place):
    study, reference, table = ACCURACIES[place]
    rows = tables(EVIDENCE)[place]
    assert [row["variant"] for row in rows] == list(committed(table))
    for row in rows:
        expected = row_of(study, row["variant"], reference, table)
        assert row == {heading: expected[heading] for heading in row}


def row_of(study, variant, reference, table):
    runs = list(runs_of(study)[variant].values())
    accuracy = np.mean([percent(run) for run in runs])
    gap = 100 * np.mean([run["train_accuracy"] for run in runs]) - accuracy
    difference = figure(f"{study}: {variant} minus {reference}")
    return {
        "variant": variant,
        "accuracy": f"{accuracy:.2f}",
        "difference (95 %)": "" if variant == reference else difference,
        "detectable": committed(table)[variant]["detectable"],
        "gap": f"{gap:+.2f}",
        "parameters": f"{runs[0]['parameters']:,}",
        "multiply-adds": f"{runs[0]['multiply_adds'] / 1e6:,.2f} M",
        "verdict": committed(table)[variant]["verdict"],
        "seeds": str(len(runs)),
    }


def test_every_row_of_corrupted_images_is_that_of_its_runs():
    rows = tables(EVIDENCE)["Corrupted images (`robustness`)", 0]
    assert [row["variant"] for row in rows] == list(committed("robustness"))
    for row in rows:
        variant = row["variant"]
        runs = list(runs_of("robustness")[variant].values())
        difference = figure(f"robustness: {variant} minus relu")
        assert row == {
            "variant": variant,
            "corrupted": figure(f"robustness: {variant}"),
            "difference (95 %)": "" if variant == "relu" else difference,
            "verdict": committed("robustness")[variant]["verdict"],
            "clean": f"{100 * np.mean([run['clean'] for run in runs]):.2f}",
            **{
                name: f"{100 * np.mean([run['corrupted'][name] for run in runs]):.1f}"
                for name in runs[0]["corrupted"]
            },
            "seeds": str(len(runs)),
        }


def test_every_interaction_is_that_of_its_runs():
    rows = tables(EVIDENCE)[ON_OFF, 2]
    forms = [name.removesuffix(", none") for name in runs_of("on_off") if name.endswith(", none")]
    assert {row["form"] for row in rows} | {"conventional"} == set(forms)
    for row in rows:
        without, with_it = row["form"], row["form"].removesuffix(" from he")
        gain = f"{without}, none minus conventional, none"
        same = f"minus {with_it}, batch plus conventional, batch"
        assert row["interaction (95 %)"] == figure(f"on_off: {gain} {same}")


def test_every_candidate_is_that_of_its_runs():
    networks = {
        "ResNet-20, 4,000 images of 16 x 16": "cifar_resnet20",
        "plain CNN, the same": "on_off_cnn",
        "narrow fast network, 20,000 images": "fast_network",
    }
    words = {"ReLU + depthwise": "relu + depthwise", "Funnel ReLU": "funnel"}
    rows = tables(EVIDENCE)["How fast its kernel learns", 0]
    variants = [words.get(row["variant"]) or row["variant"].split("`")[1] for row in rows]
    for heading, network in networks.items():
        assert {"relu", *variants} == set(runs_of(f"choice/{network}"))
        measured = [figure(f"choice/{network}: {variant} minus relu") for variant in variants]
        assert [row[heading] for row in rows] == measured
    better = {
        (network, name)
        for network in networks.values()
        for name, row in committed(f"choice/{network}").items()
        if row["verdict"] not in ("no difference seen", "reference")
    }
    assert "better than ReLU is `sum, gain 3` in ResNet-20; of all others" in EVIDENCE
    assert better == {("cifar_resnet20", "sum, gain 3")}


def test_every_row_of_gains_and_rates_is_that_of_its_runs():
    networks = {"ResNet-20": "cifar_resnet20", "plain CNN": "on_off_cnn"}
    rows = tables(EVIDENCE)["Which gain goes with the most rates", 0]
    assert len(rows) == 8
    for row in rows:
        peak = row["peak rate"]
        folder = "choice" if peak == "0.01" else f"choice_of_gain/{peak}"
        study = f"{folder}/{networks[row['network']]}"
        variants = {"ReLU": "relu"} | {
            f"gain {gain}": f"keep{f', gain {gain}' if gain > 1 else ''}" for gain in (1, 2, 3)
        }
        assert {len(runs_of(study)[name]) for name in variants.values()} == {3}
        measured = {words: figure(f"{study}: {name}") for words, name in variants.items()}
        assert row == {"network": row["network"], "peak rate": peak, **measured}


@pytest.mark.parametrize(("data", "title"), [("digits", "digits"), ("cifar10", "CIFAR-10")])
def test_every_row_of_the_search_is_that_of_its_file(data, title):
    text = (ROOT / "docs" / "tuning.md").read_text()
    (table,) = re.findall(rf"^(\| {title}.*\n\| \| default.*\n\| \| ReLU.*\n)", text, re.MULTILINE)
    record = json.loads((RESULTS / f"tuning_{data}.json").read_text())["contenders"]
    relu = record["relu"]["test_accuracy"]
    for row, name in zip(table.splitlines(), ("tuned LENI", "default LENI", "relu"), strict=True):
        accuracy, difference, *costs = [cell.strip() for cell in row.split("|")[4:-1]]
        values, cost = record[name]["test_accuracy"], record[name]["relative_cost"]
        decimals = len(accuracy.split()[0].partition(".")[2])
        assert accuracy == f"{100 * np.mean(values):.{decimals}f} %"
        if name == "relu":
            continue
        written = [float(number) for number in re.findall(r"[+-]?\d+\.\d", difference)]
        measured = interval(*(dict(enumerate(100 * np.array(each))) for each in (values, relu)))
        np.testing.assert_allclose(written, [float(each) for each in measured], atol=0.051)
        extra = [100 * (cost[each] - 1) for each in ("parameters", "multiply_adds")]
        assert costs == [f"{each:+.1f} %" for each in extra]


def test_every_row_of_what_is_passed_on_is_that_of_its_blocks():
    rows = tables(EVIDENCE)[LEARNS, 4]
    studies = [("learning", "0.01"), ("learning_faster", "0.1")]
    networks = [("ResNet-20", "cifar_resnet20"), ("plain CNN", "on_off_cnn")]
    expected = []
    for study, peak in studies:
        record = json.loads((RESULTS / "accuracy-standard" / study / "passed_on.json").read_text())
        for words, network in networks:
            seeds = record[network].values()
            assert len(seeds) == 6
            starts = np.array([[block["at_start"] for block in blocks] for blocks in seeds])
            ends = 100 * np.array([[block["trained"] for block in blocks] for blocks in seeds])
            middle = np.median(ends, axis=1)
            middles = f"{middle.min():.1f} to {middle.max():.1f}"
            cells = [words, peak, f"{ends.shape[1]}", f"{starts.max():g}", middles]
            expected.append([*cells, f"{ends.min():.1f}", f"{ends.max():.1f}"])
    assert [list(row.values()) for row in rows] == expected


def test_every_run_was_trained_at_the_rate_that_its_protocol_says():
    checked = 0
    for path in sorted(RESULTS.glob("accuracy-*/**/*.jsonl")):
        for line in path.read_text().splitlines():
            run = json.loads(line)
            protocol = run["protocol"]
            if "peak" not in protocol:
                continue
            schedule = run["optimizer"]["config"]["learning_rate"]["config"]
            expected = protocol["peak"] * protocol.get("rate", 1)
            assert schedule["warmup_target"] == pytest.approx(expected), path
            checked += 1
    assert checked > 300


def test_fine_tuning_was_done_at_the_rates_that_its_protocol_says():
    lines = (RESULTS / "accuracy-standard/fine_tuning/runs.jsonl").read_text().splitlines()
    assert len(lines) == 40
    for run in map(json.loads, lines):
        protocol = run["protocol"]
        alone = run["variant"].endswith("new blocks alone")
        part = protocol["rate_of_new_blocks" if alone else "rate"]
        schedule = run["optimizer"]["config"]["learning_rate"]["config"]
        assert schedule["peak"] == pytest.approx(0.73 * part)
