"""What README and docs say of accuracies, against the committed runs: means and Student's intervals
of paired differences, computed here anew."""

import itertools
import json
import pathlib
import re

import numpy as np
import pytest

from tests.support.documented import RESULTS, ROOT, interval

PAGES = [ROOT / name for name in ("README.md", "docs/evidence.md", "docs/which.md")]
SIGNED = r"[+-]\d+\.\d\d"
INTERVAL = re.compile(rf"({SIGNED}) \(({SIGNED}) to ({SIGNED})\)")
ROW = re.compile(rf"^\| ([^|]+) \| (\d\d\.\d\d) \| (?:{SIGNED} [^|]*)? ?\|", re.MULTILINE)


@pytest.fixture(scope="module")
def accuracies():
    """For each folder of accuracies, by its path in the results, each variant and seed."""
    folders = {}
    for path in sorted(RESULTS.glob("accuracy-*/**/*.jsonl")):
        variants = folders.setdefault(path.parent.relative_to(RESULTS), {})
        for line in path.read_text().splitlines():
            run = json.loads(line)
            if "corrupted" in run:
                accuracy = np.mean(list(run["corrupted"].values()))
            else:
                accuracy = run[f"{run['protocol'].get('evaluated_on', 'test')}_accuracy"]
            variants.setdefault(run["variant"], {})[run["seed"]] = 100 * accuracy
    return folders


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
    assert len(lines) == 30
    for run in map(json.loads, lines):
        protocol = run["protocol"]
        alone = run["variant"].endswith("new blocks alone")
        part = protocol["rate_of_new_blocks" if alone else "rate"]
        schedule = run["optimizer"]["config"]["learning_rate"]["config"]
        assert schedule["peak"] == pytest.approx(0.73 * part)


def interactions(on_off):
    """What each form gains without normalization, minus what it gains with it."""

    def gain(form, normalization):
        one, other = (on_off[f"{name}, {normalization}"] for name in (form, "conventional"))
        return {seed: one[seed] - other[seed] for seed in one}

    forms = [name.removesuffix(", none") for name in on_off if name.endswith(", none")]
    return {
        interval(gain(form, "none"), gain(form.removesuffix(" from he"), "batch"))
        for form in forms
        if form != "conventional"
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_interval_is_one_of_two_variants_of_a_study(page, accuracies):
    measured = {
        interval(one, other)
        for variants in accuracies.values()
        for one, other in itertools.permutations(variants.values(), 2)
        if len(one.keys() & other.keys()) > 1
    }
    measured |= interactions(accuracies[pathlib.Path("accuracy-standard/on_off")])
    written = INTERVAL.findall(page.read_text())
    assert [one for one in written if one not in measured] == []
    if page.name == "evidence.md":
        assert len(written) > 50


def test_every_row_of_accuracies_is_that_of_its_study(accuracies):
    standard = {
        path: variants
        for path, variants in accuracies.items()
        if path.parts[0] == "accuracy-standard"
    }
    sections = re.split(r"^### ", (ROOT / "docs" / "evidence.md").read_text(), flags=re.MULTILINE)
    checked = 0
    for section in sections:
        heading, _, text = section.partition("\n")
        named = re.findall(r"`(\w+)`", heading)
        studies = [variants for path, variants in standard.items() if path.name in named]
        for variant, accuracy in ROW.findall(text):
            means = [
                f"{np.mean(list(study[variant].values())):.2f}"
                for study in studies
                if variant in study
            ]
            assert accuracy in means, (heading, variant)
            checked += 1
    assert checked > 50


def test_every_row_of_gains_and_rates_is_that_of_its_runs(accuracies):
    text = (ROOT / "docs" / "evidence.md").read_text()
    numbers = r" \| (\d+\.\d\d)" * 4
    row = rf"^\| (ResNet-20|plain CNN) \| (0\.\d+){numbers} \|$"
    rows = re.findall(row, text, re.MULTILINE)
    assert len(rows) == 8
    networks = {"ResNet-20": "cifar_resnet20", "plain CNN": "on_off_cnn"}
    for network, peak, *written in rows:
        folder = "choice" if peak == "0.01" else f"choice_of_gain/{peak}"
        study = accuracies[pathlib.Path("accuracy-standard", folder, networks[network])]
        runs = [study[name] for name in ("relu", "keep", "keep, gain 2", "keep, gain 3")]
        assert {len(each) for each in runs} == {3}
        assert written == [f"{np.mean(list(each.values())):.2f}" for each in runs]


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


@pytest.mark.parametrize(("study", "peak"), [("learning", "0.01"), ("learning_faster", "0.1")])
def test_every_row_of_what_is_passed_on_is_that_of_its_blocks(study, peak):
    networks = json.loads((RESULTS / "accuracy-standard" / study / "passed_on.json").read_text())
    text = (ROOT / "docs" / "evidence.md").read_text()
    for words, network in (("ResNet-20", "cifar_resnet20"), ("plain CNN", "on_off_cnn")):
        seeds = networks[network].values()
        assert len(seeds) == 6
        starts = np.array([[block["at_start"] for block in blocks] for blocks in seeds])
        ends = 100 * np.array([[block["trained"] for block in blocks] for blocks in seeds])
        middle = np.median(ends, axis=1)
        row = (
            f"| {words} | {peak} | {ends.shape[1]} | {starts.max():g} "
            f"| {middle.min():.1f} to {middle.max():.1f} | {ends.min():.1f} | {ends.max():.1f} |"
        )
        assert row in text
