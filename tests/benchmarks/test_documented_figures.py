"""What README and docs say of accuracies, against the committed runs: means and Student's intervals
made here in NumPy."""

import itertools
import json
import pathlib
import re

import numpy as np
import pytest
from scipy import stats

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
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


def interval(one, other, decimals=2):
    seeds = sorted(one.keys() & other.keys())
    values = np.array([one[seed] - other[seed] for seed in seeds])
    reach = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return tuple(
        f"{x:+.{decimals}f}" for x in (values.mean(), values.mean() - reach, values.mean() + reach)
    )


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


def test_every_row_of_changing_tasks_is_that_of_its_runs():
    runs = {}
    for line in (RESULTS / "plasticity" / "candidates" / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        runs.setdefault(run["variant"], []).append(run["tasks"])
    text = (ROOT / "docs" / "evidence.md").read_text()
    rows = re.findall(
        r"^\| ([^|]+) \| (\d+\.\d) \| (\d+\.\d) \| (\d\.\d\d) \|$", text, re.MULTILINE
    )
    assert {row[0] for row in rows} == set(runs)
    for variant, online, late, dead in rows:
        own = runs[variant]
        expected = (
            f"{100 * np.mean([[task['online'] for task in tasks] for tasks in own]):.1f}",
            f"{100 * np.mean([[task['accuracy'] for task in tasks[-5:]] for tasks in own]):.1f}",
            f"{np.mean([tasks[-1]['dead'][-1] for tasks in own]):.2f}",
        )
        assert (online, late, dead) == expected, variant


def test_every_row_of_relabelled_digits_is_that_of_its_runs():
    runs = {}
    for line in (RESULTS / "plasticity" / "digits" / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        accuracies = [100 * task["accuracy"] for task in run["tasks"]]
        runs.setdefault(run["variant"], []).append(accuracies)
    text = (ROOT / "docs" / "evidence.md").read_text()
    number = r"(\d+\.\d)"
    pattern = rf"^\| (\w+) \| (\d) \| {number} \| {number} \| {number} \|$"
    rows = re.findall(pattern, text, re.MULTILINE)
    assert {row[0] for row in rows} >= {"relu", "leni", "on_off"}
    for variant, seeds, *written in rows:
        assert int(seeds) == len(runs[variant])
        first, *_, last = np.transpose(runs[variant])
        assert written == [f"{x:.1f}" for x in (first.mean(), last.mean(), last.min())], variant


PLASTICITY = RESULTS / "plasticity"


def runs_of_tasks(study):
    """For each variant its runs, by seed; those that only choose a rate are left out."""
    variants = {}
    for line in (PLASTICITY / study / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        if "tasks" in run:
            variants.setdefault(run["variant"], {})[run["seed"]] = run
    return variants


def accuracies_of_tasks(runs, last):
    return {
        seed: 100 * np.mean([task["accuracy"] for task in run["tasks"][-last:]])
        for seed, run in runs.items()
    }


def difference_of_tasks(runs, reference, last=5):
    if runs is reference:
        return ""
    one, other = (accuracies_of_tasks(each, last) for each in (runs, reference))
    mean, low, high = interval(one, other, decimals=1)
    return f"{mean} ({low} to {high})"


def cells_of(text, variants, columns):
    """The rows of a page's table with these variants and as many columns."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    return [row for row in rows if row[0] in variants and len(row) == columns]


@pytest.mark.parametrize("study", ["random_labels", "permuted"])
def test_every_row_of_tasks_that_change_is_that_of_its_runs(study):
    variants = runs_of_tasks(study)
    text = (PLASTICITY / study / "summary.md").read_text()
    rows = cells_of(text, variants, 8)
    assert [row[0] for row in rows] == list(variants)
    for name, rate, online, late, difference, _, dead, seeds in rows:
        runs = variants[name]
        assert {float(rate)} == {run["rate"] for run in runs.values()}
        tasks = [run["tasks"] for run in runs.values()]
        assert online == f"{100 * np.mean([[t['online'] for t in run] for run in tasks]):.1f}"
        assert late == f"{np.mean(list(accuracies_of_tasks(runs, 5).values())):.1f}"
        assert difference == difference_of_tasks(runs, variants["relu"])
        assert dead == f"{np.mean([run[-1]['dead'][-1] for run in tasks]):.2f}"
        assert int(seeds) == len(runs) == 5
        assert (
            "| " + " | ".join([name, rate, online, late, difference])
            in (ROOT / "docs" / "evidence.md").read_text()
        )


def test_every_row_of_the_revival_is_that_of_its_runs():
    variants = runs_of_tasks("revival")
    page = (ROOT / "docs" / "evidence.md").read_text()
    rows = cells_of((PLASTICITY / "revival" / "summary.md").read_text(), variants, 7)
    assert [row[0] for row in rows] == list(variants)
    for row in rows:
        name, _, first, fifth, difference, _, seeds = row
        runs = variants[name]
        tasks = [[100 * task["accuracy"] for task in run["tasks"]] for run in runs.values()]
        assert [first, fifth] == [f"{x:.1f}" for x in np.mean(tasks, axis=0)[[0, 4]]]
        assert difference == difference_of_tasks(runs, variants["nothing"])
        assert int(seeds) == len(runs) == 5
        assert f"| {name} | {row[1]} | {first} | {fifth} | {difference} |" in page


@pytest.mark.parametrize("page", ["README.md", "docs/which.md"])
def test_what_is_said_of_changing_tasks_is_that_of_the_runs(page):
    text = (ROOT / page).read_text()
    variants = runs_of_tasks("random_labels")
    late = {
        name: f"{np.mean(list(accuracies_of_tasks(runs, 5).values())):.1f}"
        for name, runs in variants.items()
    }
    said = re.findall(r"ReLU (\d+\.\d)(?: %)?, LENI (\d+\.\d)", text)
    assert said == [(late["relu"], late["leni"])]
    assert late["on_off"] == late["leaky"] == late["leni"]
    assert f"PReLU {late['prelu']}" in text


def test_what_is_said_of_the_revival_is_that_of_the_runs():
    variants = runs_of_tasks("revival")
    readme = (ROOT / "README.md").read_text()
    number = r"\d+\.\d"
    written = re.findall(
        rf"({number}\s\({number} to {number}\)) points above their untreated twins", readme
    )
    measured = [
        difference_of_tasks(variants[name], variants["nothing"])
        for name in ("leni", "reinitialized")
    ]
    assert [" ".join(each.split()) for each in written] == [
        each.replace("+", "") for each in measured
    ]
    which = (ROOT / "docs" / "which.md").read_text()
    fifth = {
        name: np.mean([100 * run["tasks"][4]["accuracy"] for run in runs.values()])
        for name, runs in variants.items()
    }
    assert (
        f"untreated {fifth['nothing']:.1f} %, "
        f"dead units drawn anew {fifth['reinitialized']:.1f} %, "
        f"swapped to LENI {fifth['leni']:.1f} %, to PReLU {fifth['prelu']:.1f} %"
    ) in which


def test_every_time_of_a_network_is_that_of_its_file():
    text = (ROOT / "docs" / "deployment.md").read_text()
    rows = re.findall(r"^\| (\w+), ([\w ]+), (batch \d+) \|(.+)\|$", text, re.MULTILINE)
    assert len(rows) > 10
    columns = ("relu", "leni", "on_off_relu", "relu folded", "leni folded")
    for network, kind, batch, cells in rows:
        record = json.loads((RESULTS / f"networks_{network}.json").read_text())[kind][batch]
        times = {name: times["median_ms"] for name, times in record.items()}
        folded = " folded" if "leni folded" in times else ""
        ratio = times["leni" + folded] / times["relu" + folded]
        expected = [f"{times[name]:.1f}" if name in times else "" for name in columns]
        assert [cell.strip() for cell in cells.split("|")] == [*expected, f"{ratio:.2f}"], network


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


STEPS = {
    "`Model.fit`": "Model.fit",
    "`training.fit`": "plain",
    "`training.fit` with `Backup`": "backup",
    "`Model.fit`, mirrored, two replicas": "Model.fit, mirrored",
    "`training.fit`, mirrored, two replicas": "mirrored",
    "`training.fit`, two workers": "two workers",
}
AGAINST = {
    "Model.fit": "`Model.fit`",
    "Model.fit, mirrored": "`Model.fit` under the same strategy",
}


@pytest.mark.parametrize("network", ["small", "resnet20"])
def test_every_row_of_what_a_step_costs_is_that_of_its_file(network):
    record = json.loads((RESULTS / f"training_{network}.json").read_text())["results"]
    cases = {one["case"]: one for one in record}
    text = (ROOT / "docs" / "distributed.md").read_text()
    rows = re.findall(rf"^\| {network} \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) == len(STEPS)
    for row in rows:
        what, *written = [cell.strip() for cell in row.split("|")]
        one = cases[STEPS[what]]
        digits = 1 if network == "small" else 0
        median, least, most = (
            f"{one[key]:.{digits}f}" for key in ("milliseconds_per_step", "least", "greatest")
        )
        rival = AGAINST[one["against"]]
        compared = ["", ""] if one["against"] == one["case"] else [rival, f"{one['ratio']:.2f}"]
        assert written == [
            f"{median} ({least} to {most})",
            *compared,
            f"at most {one['target']}" if one["target"] else "",
            f"{one['milliseconds_between_epochs']:.0f}",
        ]


def test_every_row_of_several_workers_is_that_of_its_file():
    runs = json.loads((RESULTS / "scaling.json").read_text())["runs"]
    names = ("1 process on both cores", "2 workers", "2 replicas of one process")
    text = (ROOT / "docs" / "distributed.md").read_text()
    for name, run in zip(names, runs, strict=True):
        median, least, most = (
            f"{1000 * run[key]:.0f}"
            for key in ("seconds_per_step", "seconds_per_step_least", "seconds_per_step_most")
        )
        sent = f"{run['loopback_bytes_per_step'] / run.get('workers', 1):,.0f}"
        assert f"| {name} | {median} ({least} to {most}) | {sent} |" in text


RIVALS = {
    "LENI / ReLU and one depthwise convolution": ("leni", "relu_and_depthwise"),
    'the same without scales, `compression="sum"`': ("leni_sum", "relu_and_depthwise"),
    "OnOffReLU / `tf.nn.crelu`": ("on_off_relu", "crelu"),
    "OnOffReLU / crelu": ("on_off_relu", "crelu"),
    "LENI, composed / package": ("leni_composed", "leni"),
    "LENI, by hand / package": ("leni_by_hand", "leni"),
    "shifted products / image by image": ("leni_shifted", "leni_by_image"),
}
MODES = {"TensorFlow graph": "tf", "XLA in TensorFlow": "tf-xla", "JAX": "jax"}


def test_every_ratio_of_a_layer_is_that_of_its_file_and_what_misses_its_target_says_so():
    modes = json.loads((RESULTS / "layers_without_own_gradients.json").read_text())["modes"]
    text = (ROOT / "docs" / "speed.md").read_text()
    table = text.partition("## The forms of today")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+), (\w+) \| (.*) \| (.+x.*) \|$", table, re.MULTILINE)
    assert len(rows) > 15
    for what, kind, target, written in rows:
        if kind not in ("forward", "training"):
            continue
        named = [mode for mode in MODES if what.endswith(f", {mode}")]
        mode = MODES[named[0]] if named else "tf"
        one, other = RIVALS[what.removesuffix(f", {named[0]}") if named else what]
        layers = modes[mode]["sizes"]["64x32x32x64"]
        times = [layers[name][kind]["median_ms"] for name in (one, other)]
        ratio = times[0] / times[1]
        bound, _, limit = target.removesuffix("x").rpartition(" ")
        round_ratio = float(f"{ratio:.2f}")
        is_missed = bound and (
            round_ratio > float(limit) if bound == "at most" else round_ratio < float(limit)
        )
        shown = f"**{ratio:.2f}x: missed**" if is_missed else f"{ratio:.2f}x"
        assert written == f"{shown} ({times[0]:.1f} / {times[1]:.1f})", (what, kind)
