import keras
import keras_tuner
import numpy as np
import pytest

from keras_negact import LENI
from keras_negact.tuning import LENIHyperModel
from tests.support.tuning import (
    compile_arguments,
    digits,
    every_point,
    hyper_model,
    parameters_at,
    small_network,
)

RATES = {"learning_rate": 0.01, "weight_decay": 0.0}


def blocks_of(model):
    return [layer for layer in model.layers if isinstance(layer, LENI)]


def space_of(hypermodel):
    parameters = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(parameters)
    return parameters.space


def choices_of(hypermodel, name):
    return next(parameter for parameter in space_of(hypermodel) if parameter.name == name).values


@pytest.mark.parametrize("kind", ["model", "path", "path as text", "builder"])
def test_the_network_starts_as_the_base_computes(kind, tmp_path):
    network = small_network()
    path = tmp_path / "base.keras"
    network.save(path)
    bases = {"model": network, "path": path, "path as text": str(path), "builder": lambda: network}
    weights = network.get_weights()
    hypermodel = LENIHyperModel(bases[kind], compile=compile_arguments())
    images, labels = digits(32)
    for where, blocks in (("8x8+4x4", 2), ("4x4", 1), ("nowhere", 0)):
        model = hypermodel.build(parameters_at({"where": where}))
        np.testing.assert_allclose(model(images), network(images), rtol=1e-5, atol=1e-5)
        assert len(blocks_of(model)) == blocks
        model.run_eagerly = True
        model.train_on_batch(images, labels)
    for before, after in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_block_goes_to_the_stage_that_was_sampled():
    model = hyper_model().build(parameters_at({"where": "4x4"}))
    assert [block.input.shape[1] for block in blocks_of(model)] == [4]


def test_layers_without_names_may_have_others_each_time():
    def build():
        convolutions = [keras.layers.Conv2D(4, 3, 2, "same", activation="relu") for _ in range(2)]
        return keras.Sequential([keras.Input((8, 8, 1)), *convolutions])

    hypermodel = LENIHyperModel(build, compile=compile_arguments())
    for _ in range(2):
        model = hypermodel.build(parameters_at({"where": "2x2"}))
        assert [block.input.shape[1] for block in blocks_of(model)] == [2]


def test_parts_are_named_regular_expressions():
    hypermodel = hyper_model(where_choices={"early": "first", "late": ["sec", "third|ond"]})
    assert choices_of(hypermodel, "where") == ["early+late", "early", "late", "nowhere"]
    model = hypermodel.build(parameters_at({"where": "late"}))
    assert [block.input.shape[1] for block in blocks_of(model)] == [4]


def test_many_parts_have_all_runs_of_neighbours():
    names = "abcdef"
    network = keras.Sequential(
        [keras.Input((6,))]
        + [keras.layers.Dense(4, "relu", name=name) for name in names]
        + [keras.layers.Dense(2)]
    )
    hypermodel = LENIHyperModel(
        network, {name: f"^{name}$" for name in names}, compile_arguments(), **RATES
    )
    choices = choices_of(hypermodel, "where")
    expected = {"+".join(names[i:j]) for i in range(6) for j in range(i + 1, 7)} | {"nowhere"}
    assert len(choices) == len(expected) == 22
    assert set(choices) == expected


def test_each_trial_of_a_builder_starts_with_the_same_weights_under_a_seed():
    first, second = (
        hyper_model(seed=3).build(parameters_at({"where": where})) for where in ("8x8", "4x4")
    )
    np.testing.assert_array_equal(
        first.get_layer("second").kernel, second.get_layer("second").kernel
    )
    other = hyper_model(seed=4).build(parameters_at({"where": "8x8"}))
    kernels = [model.get_layer("second").kernel.numpy() for model in (first, other)]
    assert (kernels[0] != kernels[1]).any()


def test_weights_of_a_file_are_loaded_and_a_given_model_keeps_its_own(tmp_path):
    network, other = small_network(), small_network()
    other.save_weights(tmp_path / "other.weights.h5")
    own = network.get_weights()
    hypermodel = LENIHyperModel(
        network, compile=compile_arguments(), weights=tmp_path / "other.weights.h5"
    )
    images, _ = digits(8)
    model = hypermodel.build(parameters_at({}))
    np.testing.assert_allclose(model(images), other(images), rtol=1e-5, atol=1e-5)
    for before, after in zip(own, network.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_cost_is_that_of_the_network():
    hypermodel = hyper_model(**RATES)
    base = small_network().count_params()
    for point in every_point(space_of(hypermodel))[::59]:
        cost = hypermodel.cost(parameters_at(point))
        model = hypermodel.build(parameters_at(point))
        # The moving statistics of a normalization are weights too, as for Keras.
        assert cost.parameters == model.count_params()
        assert cost.relative["parameters"] == pytest.approx(model.count_params() / base)


def test_multiply_adds_of_the_default_block():
    first, second, head = 64 * 9 * 8, 16 * 9 * 8 * 12, 12 * 10
    # A depthwise 3 x 3 kernel and two scales for each channel.
    block = 11 * (64 * 8 + 16 * 12)
    cost = hyper_model().cost(parameters_at({}))
    assert cost.multiply_adds == first + second + head + block
    assert hyper_model().cost(parameters_at({"where": "nowhere"})).relative == {
        "parameters": 1,
        "multiply_adds": 1,
    }


def test_rates_are_sampled_unless_they_are_fixed():
    names = {parameter.name for parameter in space_of(hyper_model())}
    assert {"learning_rate", "weight_decay"} < names
    fixed = hyper_model(learning_rate=0.02, weight_decay=0.03)
    assert not {"learning_rate", "weight_decay"} & {one.name for one in space_of(fixed)}
    optimizer = fixed.build(parameters_at({})).optimizer
    assert isinstance(optimizer, keras.optimizers.AdamW)
    assert float(optimizer.learning_rate) == pytest.approx(0.02)
    assert optimizer.weight_decay == 0.03


def test_scales_and_biases_do_not_decay():
    hypermodel = hyper_model(learning_rate=1e-3, weight_decay=100.0)
    model = hypermodel.build(parameters_at({"where": "8x8", "leni/start": "random"}))
    model.run_eagerly = True
    before = [np.abs(weight).sum() for weight in model.get_weights()]
    images, labels = digits(8)
    model.train_on_batch(images, labels)
    after = [np.abs(weight).sum() for weight in model.get_weights()]
    shrunk = {
        weight.path
        for weight, old, new in zip(model.weights, before, after, strict=True)
        if new < 0.95 * old
    }
    assert shrunk == {weight.path for weight in model.weights if weight.path.endswith("/kernel")}


def test_a_compiled_base_says_how_and_the_rates_are_put_in():
    network = small_network()
    network.compile(keras.optimizers.SGD(1.0, momentum=0.7), "mse", metrics=["mae"])
    model = LENIHyperModel(network, learning_rate=0.5, weight_decay=0.0).build(parameters_at({}))
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert model.optimizer.momentum == 0.7
    assert float(model.optimizer.learning_rate) == 0.5
    assert model.loss == "mse"
    assert model.optimizer is not network.optimizer


def test_a_function_compiles_with_the_sampled_rates():
    given = []

    def compile_model(model, learning_rate, weight_decay):
        given.append((model, learning_rate, weight_decay))
        model.compile("sgd", "mse")

    parameters = parameters_at({"learning_rate": 0.004, "weight_decay": 0.05})
    model = hyper_model(compile=compile_model).build(parameters)
    assert given == [(model, 0.004, 0.05)]


def test_metrics_of_two_trials_are_not_the_same_objects():
    metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    hypermodel = hyper_model(compile={**compile_arguments(), "metrics": [metric]})
    images, labels = digits(8)
    models = [hypermodel.build(parameters_at({})) for _ in range(2)]
    for model in models:
        model.run_eagerly = True
        model.test_on_batch(images, labels)
    assert metric.count == 0
    assert len({id(one) for model in models for one in model.metrics}) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base": "NoSuchNet"}, "must be a file or a network of.*MobileNetV2"),
        ({"base": 3}, "must be a Keras model"),
        ({"base": lambda: 3}, "a builder that returns a Keras model"),
        ({"compile": None}, "not compiled"),
        ({"compile": 3}, "`compile` must be"),
        ({"where_choices": {}}, "at least one part"),
        ({"where_choices": {"a": "no_such_layer"}}, "matches none"),
        ({"where_choices": {"a+b": "first"}}, "texts without"),
        ({"where_choices": {"nowhere": "first"}}, "other than"),
        ({"weights": "no_such.weights.h5"}, "file of weights"),
        ({"weights": "imagenet"}, "keras.applications network alone"),
    ],
)
def test_what_is_wrong_is_said_before_any_trial(arguments, message):
    arguments = {"base": small_network, "compile": compile_arguments(), **arguments}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        LENIHyperModel(**arguments)


def test_a_network_without_activations_is_refused():
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
    with pytest.raises(ValueError, match="no activation that LENI could replace"):
        LENIHyperModel(network, compile=compile_arguments())


@pytest.mark.slow
def test_an_applications_network_is_found_by_its_name():
    hypermodel = LENIHyperModel("MobileNet", compile={"loss": "sparse_categorical_crossentropy"})
    assert hypermodel.own_activation == "relu6"
    model = hypermodel.build(parameters_at({"where": "7x7"}))
    assert {block.input.shape[1] for block in blocks_of(model)} == {7}


def squared(y_true, y_pred):
    return keras.ops.mean((y_true - y_pred) ** 2, axis=-1)


def compiled_with(*arguments):
    layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    model.compile(*arguments)
    return model


def test_a_loss_that_is_a_function_needs_no_registration():
    hypermodel = LENIHyperModel(compiled_with("adam", squared))
    model = hypermodel.build(parameters_at({}))
    assert model.loss is squared


def test_what_cannot_be_made_again_is_refused_at_once():
    metric = keras.metrics.MeanMetricWrapper(squared, name="mine")
    scaling = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    for given in ({"loss": "mse", "metrics": [metric]}, {"loss": "mse", "optimizer": scaling}):
        with pytest.raises(ValueError, match=r"cannot be made again for each trial.*as a function"):
            LENIHyperModel(compiled_with("adam", "mse"), compile=given)
