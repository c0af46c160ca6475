"""ON/OFF ReLU in the plain CNN that it was proposed for, with and without batch normalization.

Whether normalization removes what ON/OFF ReLU gains is a question about two differences, and is
tested as one.
"""

import functools
import pathlib

import _accuracy_data
import keras
from _accuracy_search import PEAK, SEEDS, candidate, chosen_factors, trained_with
from _accuracy_tables import write_table
from _fast_network_studies import only
from _paired_records import difference_cell

from keras_negact import plan_activation_swap
from keras_negact.comparison import Variant, compare_activations, read_runs
from keras_negact.comparison.statistics import compare_paired
from keras_negact.models import on_off_cnn

SIDE, BATCH_SIZE, EPOCHS, RATE_EPOCHS = 16, 250, 10, 4
# Without normalization networks learn at lower rates only, and each variant has its own.
FACTORS = (1.0, 0.5, 2.0, 0.2)
PROTOCOL = {"network": "on_off_cnn", "side": SIDE, "optimizer": "SGD"}
NORMALIZATIONS = {"batch": "batch", "none": None}
CONVENTIONAL = "conventional"
FROM_HE = " from he"
FORMS = ("full", "halved", "conventional_half", "first third", "full" + FROM_HE, "halved" + FROM_HE)


def variants() -> dict[str, Variant]:
    """Every form of the network, with and without normalization."""
    made = {}
    for name, normalization in NORMALIZATIONS.items():
        for form in (CONVENTIONAL, *FORMS):
            if normalization and form.endswith(FROM_HE):
                # There every form starts so.
                continue
            doubles = not form.startswith(CONVENTIONAL)
            build = functools.partial(network, form, normalization)
            made[f"{form}, {name}"] = Variant(build, "on_off_relu" if doubles else "relu")
    return made


def network(form: str, normalization: str | None) -> keras.Model:
    """One form of the network, initialized anew."""
    make = functools.partial(on_off_cnn, (SIDE, SIDE, 3), 10, normalization=normalization)
    if form == "first third":
        return _started_by_he(_swapped_in_first_stage(make("relu", CONVENTIONAL)))
    if form.endswith(FROM_HE):
        return _started_by_he(make("on_off_relu", form.removesuffix(FROM_HE)))
    return make("relu" if form.startswith(CONVENTIONAL) else "on_off_relu", form)


def _swapped_in_first_stage(model: keras.Model) -> keras.Model:
    # The first of three stages is the one at full size. It gets half its filters, so that its
    # features are as many as they were.
    return plan_activation_swap(
        model, "on_off_relu", where=lambda site: site.shape[-2] == SIDE, channels="halve"
    ).apply()


def _started_by_he(model: keras.Model) -> keras.Model:
    def fresh(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.Conv2D):
            config["kernel_initializer"] = "he_normal"
        return type(layer).from_config(config)

    return keras.models.clone_model(model, clone_function=fresh)


def on_off_rates(settings, folder, **compare_more) -> None:
    """Every form at four rates, on validation images."""
    epochs = settings.epochs or RATE_EPOCHS
    data, steps = _data(settings, epochs)
    compare_activations(
        {
            candidate(name, factor): trained_with(variant, steps, factor * PEAK)
            for name, variant in only(variants(), settings.variants).items()
            for factor in FACTORS
        },
        data,
        SEEDS,
        epochs,
        folder,
        reference=candidate(f"{CONVENTIONAL}, batch", 1.0),
        evaluate_on="validation",
        protocol=PROTOCOL,
        **compare_more,
    )


def on_off(settings, folder, **compare_more) -> None:
    """Every form at its own rate, a table for each normalization, and the interaction."""
    epochs = settings.epochs or EPOCHS
    data, steps = _data(settings, epochs)
    factors = chosen_factors(settings.output_dir / "on_off_rates")
    compare_activations(
        {
            name: trained_with(variant, steps, factors.get(name, 1.0) * PEAK)
            for name, variant in only(variants(), settings.variants).items()
        },
        data,
        settings.seeds or 5,
        epochs,
        folder,
        reference=f"{CONVENTIONAL}, batch",
        protocol=PROTOCOL,
        **compare_more,
    )
    for name in NORMALIZATIONS:
        forms = [f"{form}, {name}" for form in (CONVENTIONAL, *FORMS)]
        write_table(folder, name, forms, forms[0])
    write_interaction(read_runs(folder), folder)


def _data(settings, epochs):
    data = _accuracy_data.whole(settings.npz, settings.data_dir, BATCH_SIZE, square=2)
    return data, epochs * len(data(0).train_at(0))


def write_interaction(runs: list[dict], folder: pathlib.Path) -> None:
    """`interaction.md`: how much more a form gains without normalization than with it.

    Formula: `(form - conventional | none) - (form - conventional | batch)`, seed by seed.
    """
    accuracies: dict[str, dict[int, float]] = {}
    for run in runs:
        accuracies.setdefault(run["variant"], {})[run["seed"]] = run["test_accuracy"]

    def gain(form: str, normalization: str) -> dict[int, float]:
        own, conventional = (
            accuracies.get(f"{one}, {normalization}", {}) for one in (form, CONVENTIONAL)
        )
        return {seed: own[seed] - conventional[seed] for seed in own.keys() & conventional.keys()}

    differences = {}
    for form in FORMS:
        # With normalization every form starts by He's initializer.
        without, with_ = gain(form, "none"), gain(form.removesuffix(FROM_HE), "batch")
        seeds = sorted(without.keys() & with_.keys())
        if seeds:
            differences[form] = [without[seed] - with_[seed] for seed in seeds]
    rows = ["| form | interaction (95 %) | p (Holm) | seeds |", "|---|---:|---:|---:|"]
    for form, one in compare_paired(differences).items():
        if one.interval is None:
            continue
        cells = (form, difference_cell(one, 2), f"{one.adjusted_p_value:.3f}", str(one.count))
        rows.append(f"| {' | '.join(cells)} |")
    rows += [
        "",
        "What a form gains over the conventional network without normalization, minus what it "
        "gains with it, in points of test accuracy, paired by seed.",
    ]
    (folder / "interaction.md").write_text("\n".join(rows) + "\n")


STUDIES = {"on_off_rates": on_off_rates, "on_off": on_off}
