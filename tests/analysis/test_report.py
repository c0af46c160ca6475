"""Networks whose answers are known before they are looked at."""

import json

import keras
import numpy as np
import pytest
from keras import layers

from keras_negact import LENI, OnOffReLU, clone_with_activation
from keras_negact.analysis import negative_information_report


def pointwise(x, kernel, bias=None, **arguments):
    """A dense layer with these weights."""
    kernel = np.asarray(kernel, "float32")
    layer = layers.Dense(kernel.shape[1], **arguments)
    y = layer(x)
    layer.set_weights([kernel, np.zeros(kernel.shape[1]) if bias is None else np.asarray(bias)])
    return y


def report_on(model, data, **more):
    return negative_information_report(model, data, verbose=0, **more)


def identity_then(activation, width=2):
    """`activation` on the input itself, then a sum with weights of one."""
    inputs = keras.Input((width,))
    x = activation(inputs)
    return keras.Model(inputs, pointwise(x, np.ones((x.shape[-1], 1))))


FOUR_AND_THREE = np.array([[4.0, -3.0], [0.0, 0.0], [1.0, -2.0]], "float32")
# Energies: positive 16 + 1, negative 9 + 4.
DISCARDED = 13 / 30


def test_shares_of_values_and_energy():
    (site,) = report_on(identity_then(layers.ReLU()), FOUR_AND_THREE).sites
    assert site.negative_share == pytest.approx(2 / 6)
    assert site.discarded_energy == pytest.approx(DISCARDED)
    # The second channel is -3, 0, -2: never positive.
    assert site.dead_channels == 0.5
    assert site.seen_energy == 0.0
    # Zero gradient where x <= 0: -3, 0, 0, -2.
    assert site.units_without_gradient == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    ("activation", "seen", "without_gradient"),
    [
        (lambda: layers.LeakyReLU(0.5), 0.25, 0.0),
        (lambda: OnOffReLU(), 1.0, 2 / 6),
        (lambda: LENI(), 0.0, 4 / 6),
        (lambda: LENI(transform=None, start="random"), 1.0, 2 / 6),
        (lambda: layers.Activation("tanh"), None, 0.0),
    ],
)
def test_what_the_next_layer_sees(activation, seen, without_gradient):
    (site,) = report_on(identity_then(activation()), FOUR_AND_THREE).sites
    if seen is None:
        negative = np.array([3.0, 2.0])
        seen = np.sum(np.tanh(negative) ** 2) / np.sum(negative**2)
    assert site.seen_energy == pytest.approx(seen, rel=1e-6)
    assert site.discarded_energy == pytest.approx(DISCARDED)
    assert site.units_without_gradient == pytest.approx(without_gradient)


def test_a_constructed_dead_channel_among_live_ones():
    inputs = keras.Input((8, 8, 3))
    convolution = layers.Conv2D(4, 3, activation="relu", name="with_a_dead_channel")
    x = layers.Conv2D(2, 1, name="last")(convolution(inputs))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    kernel, bias = convolution.get_weights()
    kernel[..., 2] = -np.abs(kernel[..., 2])
    bias[2] = -0.1
    convolution.set_weights([kernel, bias])
    images = np.random.default_rng(0).uniform(0, 1, (20, 8, 8, 3)).astype("float32")

    (site,) = report_on(model, images).sites
    assert site.path == "with_a_dead_channel"
    assert site.dead_channels == 0.25
    before = keras.ops.convert_to_numpy(keras.ops.conv(images, kernel)) + bias
    assert site.negative_share == pytest.approx(np.mean(before < 0))
    energy = np.sum(np.minimum(before, 0) ** 2) / np.sum(before**2)
    assert site.discarded_energy == pytest.approx(energy, rel=1e-5)
    assert site.units_without_gradient == pytest.approx(np.mean(before <= 0))


def test_a_constructed_energy_share():
    """`[2 x, -x]` of positive x: one part in five is negative, whatever x is."""
    inputs = keras.Input((1,))
    x = layers.ReLU(name="site")(pointwise(inputs, [[2.0, -1.0]]))
    model = keras.Model(inputs, pointwise(x, [[1.0], [1.0]]))
    data = np.random.default_rng(0).uniform(0.5, 3, (50, 1)).astype("float32")
    (site,) = report_on(model, data).sites
    assert site.discarded_energy == pytest.approx(0.2, rel=1e-6)
    assert site.negative_share == 0.5


def test_a_unit_is_reached_only_through_what_follows_it():
    """Behind a ReLU that lets nothing through, no unit in front of it has a gradient."""
    inputs = keras.Input((2,))
    x = layers.ReLU(name="open")(inputs)
    x = layers.ReLU(name="shut")(pointwise(x, -np.eye(2), [-1.0, -1.0]))
    model = keras.Model(inputs, pointwise(x, np.ones((2, 1))))
    sites = report_on(model, np.ones((3, 2), "float32")).sites
    assert [site.dead_channels for site in sites] == [0.0, 1.0]
    assert [site.units_without_gradient for site in sites] == [1.0, 1.0]


def test_every_kind_of_site_in_nested_and_shared_layers():
    inner_input = keras.Input((4, 4, 2))
    inner = keras.Model(
        inner_input, layers.Conv2D(2, 1, activation="silu", name="fused")(inner_input), name="inner"
    )
    inputs = keras.Input((4, 4, 2))
    shared = layers.PReLU(shared_axes=[1, 2], name="shared")
    x = shared(inner(shared(inputs)))
    x = keras.ops.relu(x)
    x = layers.Dropout(0.5)(layers.BatchNormalization()(x))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))
    weights = [weight.copy() for weight in model.get_weights()]
    images = np.random.default_rng(0).normal(size=(6, 4, 4, 2)).astype("float32")
    expected = model.predict(images, verbose=0)

    report = report_on(model, images)
    found = [(site.path, site.function) for site in report.sites]
    assert found[:2] == [("shared", "prelu"), ("inner/fused", "silu")]
    assert [function for _, function in found[2:]] == ["relu"]
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(model.predict(images, verbose=0), expected)


def test_a_swapped_network_is_given_the_same_at_its_sites():
    source = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Conv2D(5, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    images = np.random.default_rng(0).normal(size=(8, 6, 6, 3)).astype("float32")
    before = report_on(source, images).sites
    after = report_on(clone_with_activation(source, "on_off_relu"), images).sites
    for old, new in zip(before, after, strict=True):
        assert new.discarded_energy == pytest.approx(old.discarded_energy, rel=1e-5)
        assert (old.seen_energy, new.seen_energy) == (0.0, pytest.approx(1.0))
        assert new.units_without_gradient <= old.units_without_gradient


def test_data_come_as_arrays_or_in_batches_and_may_be_limited():
    model = identity_then(layers.ReLU())
    x = np.random.default_rng(0).normal(size=(10, 2)).astype("float32")
    whole = report_on(model, x, batch_size=4, gradient_examples=3)
    assert (whole.examples, whole.gradient_examples) == (10, 3)
    batches = [(x[:4], np.zeros(4)), (x[4:8], np.zeros(4)), (x[8:], np.zeros(2))]
    assert report_on(model, batches, gradient_examples=3) == whole
    assert report_on(model, (x, np.zeros(10)), batch_size=4, gradient_examples=3) == whole
    assert report_on(model, x, limit=6, batch_size=4) == report_on(model, x[:6], batch_size=4)


def test_inputs_by_name_come_as_arrays_or_in_batches():
    inputs = {name: keras.Input((2,), name=name) for name in ("a", "b")}
    x = layers.ReLU()(layers.Concatenate()([inputs["a"], inputs["b"]]))
    model = keras.Model(inputs, layers.Dense(1)(x))
    draw = np.random.default_rng(0).normal
    data = {name: draw(size=(10, 2)).astype("float32") for name in inputs}
    batches = [{name: x[start : start + 4] for name, x in data.items()} for start in (0, 4, 8)]
    whole = report_on(model, data, batch_size=4, gradient_examples=3)
    assert whole.examples == 10
    assert whole == report_on(model, batches, gradient_examples=3)
    assert whole == report_on(model, (data, np.zeros(10)), batch_size=4, gradient_examples=3)
    limited = {name: x[:6] for name, x in data.items()}
    assert report_on(model, data, limit=6, batch_size=4) == report_on(model, limited, batch_size=4)
    for wrong in ({}, {"a": [1.0, 2.0]}):
        with pytest.raises(ValueError, match=r"`data` must be .*a dictionary of arrays.*Received"):
            report_on(model, wrong)


def test_table_and_dictionary(capsys):
    model = identity_then(layers.ReLU(name="gate"))
    report = report_on(model, FOUR_AND_THREE)
    assert capsys.readouterr() == ("", "")
    # Where nothing can be drawn over, one plain line, also for data whose length is not known.
    for data in (FOUR_AND_THREE, iter([FOUR_AND_THREE[:2], FOUR_AND_THREE[2:]])):
        negative_information_report(model, data, batch_size=1)
        shown = capsys.readouterr().out
        assert shown.startswith("3/3 - ")
        assert shown.removesuffix("\n").isprintable()
        assert shown.count("\n") == 1
    lines = str(report).splitlines()
    assert lines[0].split()[:3] == ["activation", "function", "shape"]
    assert lines[2].split() == [
        "gate",
        "relu",
        "2",
        "50.0",
        "%",
        "33.3",
        "%",
        "43.3",
        "%",
        "0.0",
        "%",
        "66.7",
        "%",
    ]
    assert json.loads(json.dumps(report.to_dict()))["sites"][0]["dead_channels"] == 0.5
    assert "<td>gate</td>" in report._repr_html_()
    assert repr(report) == str(report)
    assert report.records()[0]["path"] == "gate"


def test_what_cannot_be_looked_at_is_refused():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="subclassed"):
        report_on(Subclassed(), FOUR_AND_THREE)
    linear = keras.Sequential([keras.Input((2,)), layers.Dense(1)], name="linear")
    with pytest.raises(ValueError, match="`linear` has no activation"):
        report_on(linear, FOUR_AND_THREE)
    with pytest.raises(ValueError, match="at least one batch"):
        report_on(identity_then(layers.ReLU()), [])


def test_bytes_are_taken_as_the_model_takes_them():
    inputs = keras.Input((4, 4, 1))
    x = layers.Conv2D(3, 3, activation="relu", name="first")(layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1), "uint8")
    assert report_on(model, images).sites == report_on(model, images.astype("float32")).sites


@pytest.mark.skipif(
    keras.config.backend() == "torch",
    reason="Keras's stateful layers write into what a gradient of PyTorch needs",
)
def test_looking_changes_no_state():
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(4, 6, 3)),
            layers.LSTM(4, stateful=True),
            layers.Dense(4, activation="relu"),
            layers.Dense(1),
        ]
    )
    sequences = np.random.default_rng(0).normal(size=(4, 6, 3)).astype("float32")
    model(sequences)
    states = [keras.ops.convert_to_numpy(state).copy() for state in model.layers[0].states]
    assert np.abs(states[0]).max() > 0
    report_on(model, sequences, batch_size=4)
    for state, before in zip(model.layers[0].states, states, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(state), before)


def test_half_a_precision_does_not_hide_gradients():
    keras.config.set_dtype_policy("mixed_float16")
    keras.utils.set_random_seed(0)
    wide = layers.Dense(100, dtype="float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(16), layers.LeakyReLU(), wide])
    (site,) = report_on(model, np.ones((1, 4), "float32")).sites
    assert site.units_without_gradient == 0.0


def test_another_number_of_inputs_is_told():
    first, second = keras.Input((4,), name="first"), keras.Input((4,), name="second")
    model = keras.Model([first, second], layers.Dense(1)(layers.ReLU()(first + second)))
    x = np.ones((3, 4), "float32")
    with pytest.raises(ValueError, match=r"takes 2 inputs\. Received: 1"):
        report_on(model, [x, x])
    assert report_on(model, {"first": x, "second": x}).examples == 3
