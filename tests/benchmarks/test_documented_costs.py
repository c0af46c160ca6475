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


def ratios(kind, *networks):
    """Of LENI to ReLU, folded, of every batch of these networks."""
    for network in networks:
        batches = json.loads((RESULTS / f"networks_{network}.json").read_text())[kind]
        for times in batches.values():
            yield times["leni folded"]["median_ms"] / times["relu folded"]["median_ms"]


def test_what_is_said_of_folded_networks_is_that_of_their_files():
    graph, xla = (
        sorted(ratios(kind, "cifar_resnet20", "ResNet50", "MobileNetV2"))
        for kind in ("inference", "inference XLA")
    )
    assert (
        f"LENI takes {graph[0]:.1f} to {graph[-1]:.1f} times as long as ReLU in a TensorFlow "
        f"graph, {xla[0]:.2f} to {xla[-1]:.2f} times under XLA, folded"
    ) in (ROOT / "docs" / "which.md").read_text()
    graph, xla = (sorted(ratios(kind, "ResNet50")) for kind in ("inference", "inference XLA"))
    step = json.loads((RESULTS / "networks_cifar_resnet20.json").read_text())["training"]
    times = step["batch 128"]
    trained = times["leni"]["median_ms"] / times["relu"]["median_ms"]
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert (
        f"takes {xla[0]:.2f} to {xla[1]:.2f} times the time of the folded ReLU network under XLA, "
        f"and {graph[0]:.2f} to {graph[1]:.2f} times without"
    ) in readme
    assert f"A training step of cifar_resnet20 takes {trained:.2f} times ReLU's." in readme


def test_what_is_said_of_the_formula_by_hand_is_that_of_its_file():
    modes = json.loads((RESULTS / "layers_without_own_gradients.json").read_text())["modes"]
    graph, xla, jax = (
        layers["leni_by_hand"]["training"]["median_ms"] / layers["leni"]["training"]["median_ms"]
        for layers in (modes[mode]["sizes"]["64x32x32x64"] for mode in ("tf", "tf-xla", "jax"))
    )
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert (
        f"a LENI training step is {graph:.1f} times as fast in a TensorFlow graph, "
        f"{xla:.1f} times under XLA and {jax:.0f} times on JAX"
    ) in readme


def test_readme_says_nothing_else_of_times():
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert len(re.findall(r"\d (?:to \d+\.\d+ )?times", readme)) == 6
