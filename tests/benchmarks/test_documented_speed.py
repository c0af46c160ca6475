"""The figures of `docs/speed.md` against the files that the benchmarks wrote."""

import json
import re

from tests.support.documented import RESULTS, ROOT, tables

SPEED = (ROOT / "docs" / "speed.md").read_text()
RIVALS = {
    "LENI / ReLU and one depthwise convolution": ("leni", "relu_and_depthwise"),
    'the same without scales, `compression="sum"`': ("leni_sum", "relu_and_depthwise"),
    "OnOffReLU / `tf.nn.crelu`": ("on_off_relu", "crelu"),
    "OnOffReLU / crelu": ("on_off_relu", "crelu"),
    "LENI, composed / package": ("leni_composed", "leni"),
    "LENI, by hand / package": ("leni_by_hand", "leni"),
    "LENI / by hand": ("leni", "leni_by_hand"),
    "shifted products / image by image": ("leni_shifted", "leni_by_image"),
}
MODES = {"TensorFlow graph": "tf", "XLA in TensorFlow": "tf-xla", "JAX": "jax"}
FILES = {"measured": "layers_without_own_gradients", "EPYC": "layers", "Xeon": "layers_xeon"}
MEMORY = "temporary memory of a JAX training step"


def file_of(name):
    return json.loads((RESULTS / f"{name}.json").read_text())


def layers(name, mode):
    return file_of(name)["modes"][mode]["sizes"]["64x32x32x64"]


def milliseconds(name, mode, layer, kind):
    return layers(name, mode)[layer][kind]["median_ms"]


def as_written(value, text):
    """The value with as many decimals as the text has."""
    return f"{value:.{len(text.partition('.')[2])}f}"


def assert_cell(cell, target, pairs):
    """A cell such as `**1.57x: missed** (44.6 / 28.3)` is that of these pairs, under its target."""
    written = re.findall(r"([\d.]+)x", cell)
    assert written == [
        as_written(one / other, text) for text, (one, other) in zip(written, pairs, strict=True)
    ]
    times = re.findall(r"\(([\d.]+)\D* / ([\d.]+)", cell)
    for texts, pair in zip(times, pairs, strict=False):
        assert list(texts) == [as_written(*each) for each in zip(pair, texts, strict=True)]
    bound, _, limit = target.removesuffix("x").rpartition(" ")
    misses = {
        "at most": lambda ratio: float(ratio) > float(limit),
        "at least": lambda ratio: float(ratio) < float(limit),
        "": lambda ratio: False,
    }[bound]
    assert ("missed" in cell) == any(misses(ratio) for ratio in written), cell


def pairs_of_layers(what, name):
    """What a row compares: milliseconds of two layers, or their memory in MiB."""
    if what.endswith(MEMORY):
        rivals = RIVALS[what.removesuffix(f", {MEMORY}")]
        step = layers(name, "jax")
        return [[step[rival]["training_step_bytes"]["temporary"] / 2**20 for rival in rivals]]
    subject, _, kind = what.rpartition(", ")
    rivals, _, mode = subject.rpartition(", ")
    if mode not in MODES:
        rivals, mode = subject, "TensorFlow graph"
    return [[milliseconds(name, MODES[mode], rival, kind) for rival in RIVALS[rivals]]]


def with_subjects(rows):
    """The rows, each with what it compares; `the same` is what the row before compares."""
    subject = ""
    for row in rows:
        what = row["what"]
        if what.startswith("the same, "):
            what = f"{subject}, {what.removeprefix('the same, ')}"
        else:
            subject = what.rpartition(", ")[0]
        yield what, row


def test_every_form_of_today_is_that_of_its_file():
    rows = tables(SPEED)["The forms of today", 0]
    assert len(rows) == 21
    for what, row in with_subjects(rows):
        assert_cell(row["measured"], row["target"], pairs_of_layers(what, FILES["measured"]))


def pairs_of_networks():
    """Of the rows that compare networks, in their order: milliseconds with LENI and with ReLU."""
    small, large = (file_of(f"networks_{name}") for name in ("cifar_resnet20", "ResNet50"))
    step = small["training"]["batch 128"]

    def folded(leni, relu, *batches):
        return [
            (
                large[leni][f"batch {batch}"]["leni folded"]["median_ms"],
                large[relu][f"batch {batch}"]["relu folded"]["median_ms"],
            )
            for batch in batches
        ]

    graph, xla = "inference", "inference XLA"
    yield [(step["leni"]["median_ms"], step["relu"]["median_ms"])]
    yield folded(xla, graph, 1)
    yield folded(xla, graph, 8)
    yield folded(xla, xla, 1, 8)
    yield folded(graph, graph, 1, 8)


def test_every_form_with_gradients_of_its_own_is_that_of_its_file():
    rows = tables(SPEED)["Targets, with gradients of their own", 0]
    assert [row["what"].split(",")[0] for row in rows[-6:-4]] == ["cifar_resnet20", "ResNet50"]
    assert rows[-1]["what"].startswith("growth")
    for what, row in with_subjects(rows[:-6]):
        for machine in ("EPYC", "Xeon"):
            assert_cell(row[machine], row["target"], pairs_of_layers(what, FILES[machine]))
    for row, pairs in zip(rows[-6:-1], pairs_of_networks(), strict=True):
        assert_cell(row["EPYC"], row["target"], pairs)


def test_every_growth_is_that_of_its_file():
    rows = tables(SPEED)["What stops the rest", 0]
    assert len(rows) == 6
    for row in rows:
        mode, kind = row.pop("").rsplit(", ", 1)
        for column, cell in row.items():
            layer, machine = column.rstrip(")").split(" (")
            exponents = file_of(FILES[machine])["modes"][MODES[mode]]["growth_exponents"]
            of = {
                axis: exponents[f"{layer} {axis} {kind}"] for axis in ("batch", "side", "channels")
            }
            expected = []
            if "channels" in cell:
                expected = [f"channels {of.pop('channels'):.2f}"]
            # Exponents have three decimals in the file; a five is rounded up.
            bounds = [f"{bound(of.values()) + 1e-9:.2f}" for bound in (min, max)]
            assert cell.replace("**", "") == ", ".join(
                [" to ".join(dict.fromkeys(bounds)), *expected]
            )


def test_what_is_said_beside_the_tables_is_that_of_the_files():
    text = " ".join(SPEED.split())

    def ratio(machine, mode, one, other, kind):
        name = FILES[machine]
        return milliseconds(name, mode, one, kind) / milliseconds(name, mode, other, kind)

    funnel = [
        ratio(machine, "tf", "funnel_relu", "leni", "forward") for machine in ("EPYC", "Xeon")
    ]
    (trained,) = {
        f"{ratio(machine, 'tf', 'funnel_relu', 'leni', 'training'):.1f}"
        for machine in ("EPYC", "Xeon")
    }
    assert (
        f"LENI is {funnel[0]:.1f}x (EPYC) and {funnel[1]:.1f}x (Xeon) as fast as Funnel ReLU "
        f"forward and {trained}x in training"
    ) in text
    pair = ("on_off_relu", "crelu")
    xla = [
        ratio(machine, "tf-xla", *pair, kind)
        for machine in ("EPYC", "Xeon")
        for kind in ("forward", "training")
    ]
    jax = [ratio("EPYC", "jax", *pair, kind) for kind in ("forward", "training")]
    assert f"takes {min(xla):.2f}x to {max(xla):.2f}x of crelu's time under XLA" in text
    assert f"on JAX (EPYC) {jax[0]:.2f}x forward and {jax[1]:.2f}x in training" in text
    both, alone, composed = (
        {
            machine: milliseconds(FILES[machine], "tf", layer, "forward")
            for machine in ("EPYC", "Xeon")
        }
        for layer in ("relu_and_depthwise", "relu", "leni_composed")
    )
    assert f"the pair takes {both['Xeon']:.1f}, the rectifier alone {alone['Xeon']:.1f}." in text
    assert (
        f"{composed['Xeon']:.0f} and {composed['EPYC']:.0f} ms. 40x would leave LENI "
        f"{composed['Xeon'] / 40:.1f} and {composed['EPYC'] / 40:.1f} ms; ReLU and depthwise "
        f"convolution alone take {both['Xeon']:.1f} and {both['EPYC']:.1f}."
    ) in text
    today = layers(FILES["measured"], "tf-xla")
    stacked = today["on_off_stacked"]["forward"]
    assert (
        f"OnOffReLU's {today['on_off_relu']['forward']['median_ms']:.1f} ms and the "
        f"{stacked['median_ms']:.1f} ms ({stacked['low_ms']:.1f} to {stacked['high_ms']:.1f}) of"
    ) in text
