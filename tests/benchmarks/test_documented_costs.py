"""What docs say of times and their ratios, against the files that the benchmarks wrote."""

import json
import re

import pytest

from tests.support.documented import RESULTS, ROOT


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
