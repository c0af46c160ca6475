"""The callback: the report's own numbers in the logs, at the right times, however one trains."""

import csv
import warnings

import keras
import numpy as np
import pytest

from keras_negact import LENI
from keras_negact.analysis import ActivationMonitor, negative_information_report
from tests.support.backends import tensorflow_only
from tests.support.processes import SCRIPTS, finish, launch, start

IMAGES = np.random.default_rng(0).normal(size=(40, 6, 6, 2)).astype("float32")
LABELS = np.arange(40) % 3


def network(activation="relu", dead=False):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(4, 3, name="convolution"),
            keras.layers.Activation(activation, name="first")
            if isinstance(activation, str)
            else activation(name="first"),
            keras.layers.Conv2D(5, 3, activation="relu", name="second"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )
    if dead:
        model.get_layer("convolution").bias.assign(np.full(4, -1e3))
        model.get_layer("second").bias.assign(np.full(5, 0.5))
    compile_model(model)
    return model


def compile_model(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05), loss)


def train(model, monitor, *others, epochs=3, **arguments):
    return model.fit(
        IMAGES, LABELS, 20, epochs, verbose=0, callbacks=[monitor, *others], **arguments
    )


def test_the_last_log_is_the_report_of_the_trained_network():
    model = network()
    monitor = ActivationMonitor(IMAGES, every_epochs=1, per_site=True)
    history = train(model, monitor).history
    expected = negative_information_report(model, [IMAGES[:32]], verbose=0)
    assert [site.path for site in expected.sites] == ["first", "second"]
    for site in expected.sites:
        for measure in ("dead_channels", "units_without_gradient", "discarded_energy"):
            logged = history[f"{measure}/{site.path}"]
            assert len(logged) == 3
            assert logged[-1] == pytest.approx(getattr(site, measure), rel=1e-5)
    shares = [site.discarded_energy for site in expected.sites]
    assert history["discarded_energy"][-1] == pytest.approx(max(shares), rel=1e-5)
    assert len(set(history["discarded_energy"])) == 3


def test_training_is_what_it_is_without_the_callback():
    watched, alone = network(LENI), network(LENI)
    keras.utils.set_random_seed(1)
    train(watched, ActivationMonitor(IMAGES, every_epochs=1, every_steps=1))
    keras.utils.set_random_seed(1)
    alone.fit(IMAGES, LABELS, 20, 3, verbose=0)
    for first, second in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_measures_when_it_is_told_to():
    monitor = ActivationMonitor(IMAGES, every_epochs=2, every_steps=2)
    history = train(network(), monitor, epochs=4)
    at = [(record["epoch"], record["step"]) for record in monitor.records]
    assert at == [(0, 1), (0, None), (1, 1), (1, None), (2, 1), (3, 1), (3, None)]
    assert len(history.history["dead_channels"]) == 4


def test_left_to_itself_it_measures_the_first_epoch_and_what_two_per_cent_pay_for(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("keras_negact.analysis.monitor.time.monotonic", lambda: now[0])

    def report_in_a_second(*arguments, **more):
        now[0] += 1
        return negative_information_report(*arguments, **more)

    module = "keras_negact.analysis.monitor"
    monkeypatch.setattr(f"{module}.negative_information_report", report_in_a_second)
    monitor = ActivationMonitor(IMAGES)
    monitor.set_model(network())
    monitor.on_train_begin()
    for epoch in range(21):
        monitor.on_epoch_begin(epoch)
        now[0] += 10
        monitor.on_epoch_end(epoch, {})
        # One second each, of all the time so far.
        assert len(monitor.records) <= max(1, 0.02 * now[0])
    assert [record["epoch"] for record in monitor.records] == [0, 9, 14, 19]


def test_a_network_without_activation_is_refused_before_it_is_trained():
    linear = keras.Sequential([keras.Input(IMAGES.shape[1:]), keras.layers.Flatten()])
    monitor = ActivationMonitor(IMAGES)
    monitor.set_model(linear)
    with pytest.raises(ValueError, match="has no activation"):
        monitor.on_train_begin()


def test_a_resumed_training_logs_its_first_epoch():
    monitor = ActivationMonitor(IMAGES, every_epochs=3)
    history = train(network(), monitor, epochs=6, initial_epoch=4).history
    assert [record["epoch"] for record in monitor.records] == [4, 5]
    assert len(history["dead_channels"]) == 2


def test_goes_into_the_files_of_the_callbacks_behind_it(tmp_path):
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    monitor = ActivationMonitor(IMAGES, every_epochs=1, per_site=True)
    history = train(network(), monitor, logger).history
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    for measure in ("dead_channels", "seen_energy/second", "units_without_gradient/first"):
        assert [float(row[measure]) for row in rows] == pytest.approx(history[measure])


def test_names_the_layer_that_died_once_and_the_remedy():
    monitor = ActivationMonitor(IMAGES, every_epochs=1)
    with pytest.warns(UserWarning, match=r"`first` \(relu\).*clone_with_activation") as caught:
        train(network(dead=True), monitor)
    assert len([w for w in caught if "no gradient" in str(w.message)]) == 1
    assert monitor.records[0]["report"].sites[0].units_without_gradient == 1


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", LENI])
def test_says_nothing_of_a_network_that_lives(activation):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        train(network(activation), ActivationMonitor(IMAGES, every_epochs=1))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"examples": "digits"}, "examples"),
        ({"examples": IMAGES[:0]}, "examples"),
        ({"every_epochs": 0}, "every_epochs"),
        ({"every_steps": 1.5}, "every_steps"),
        ({"limit": True}, "limit"),
        ({"per_site": 1}, "per_site"),
        ({"warn_at": 2}, "warn_at"),
    ],
)
def test_refuses_wrong_arguments_before_training(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received"):
        ActivationMonitor(**{"examples": IMAGES, **arguments})


@tensorflow_only
@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["none", "mirrored"])
def test_resumed_and_on_two_replicas(strategy, tmp_path):
    status, output = finish(start(SCRIPTS / "monitored_training.py", strategy, tmp_path))
    assert (status, output.count("checked")) == (0, 1), output


@tensorflow_only
@pytest.mark.slow
def test_on_two_workers(tmp_path):
    process = launch("monitored_training.py", "multi_worker", str(tmp_path))
    status, output = finish(process)
    assert (status, output.count("checked")) == (0, 2), output


def test_examples_are_tried_before_training_and_may_be_a_tuple():
    first, second = keras.Input((4,)), keras.Input((4,))
    model = keras.Model([first, second], keras.layers.Dense(1)(keras.layers.ReLU()(first + second)))
    model.compile("sgd", "mse")
    x = np.ones((6, 4), "float32")
    monitor = ActivationMonitor((x, x))
    model.fit([x, x], x[:, :1], verbose=0, callbacks=[monitor])
    assert len(monitor.records) == 1
    wrong = ActivationMonitor([x, x[:, :3]])
    wrong.set_model(model)
    with pytest.raises(ValueError, match="`examples` must be inputs as"):
        wrong.on_train_begin()
