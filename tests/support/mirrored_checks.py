"""A script on two logical devices: combinations of precision, XLA, losses and callbacks."""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from keras_negact.training import evaluate, fit, make_strategy
from tests.support.own_steps import Adversarial, Encoding, PlainValues
from tests.support.own_steps import X as OWN_X
from tests.support.small_training import small_data, small_model

X, Y = small_data()


def train(strategy, policy="float32", optimizer="sgd", callbacks=(), **compile_arguments):
    keras.config.set_dtype_policy(policy)
    with strategy.scope():
        model = small_model(optimizer, **compile_arguments)
    fit(model, X, Y, batch_size=10, epochs=3, verbose=0, callbacks=list(callbacks))
    return model


def copies_differ(strategy, model) -> bool:
    """Whether the two replicas hold other values of any variable of the model."""
    copies = [strategy.experimental_local_results(v.value) for v in model.variables]
    return any(first.numpy().tobytes() != second.numpy().tobytes() for first, second in copies)


def refusal(call) -> str:
    try:
        call()
    except ValueError as error:
        return str(error)
    return "not refused"


def own_steps(strategy) -> dict:
    """Histories of models with a step of their own."""
    found = {}
    for kind in (PlainValues, Encoding, Adversarial):
        with strategy.scope():
            model = kind(build_optimizers=True) if kind is Adversarial else kind()
            model.compile() if kind is Adversarial else model.compile("sgd")
            if not model.optimizer.built:
                if kind is Encoding:
                    model(OWN_X[:1])
                model.optimizer.build(model.trainable_variables)
        # The last batch of 41 is one example, for both replicas.
        history = fit(model, OWN_X, batch_size=8, epochs=3, shuffle=False, verbose=0).history
        found[kind.__name__] = history
    return found


class OwnLoss(keras.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean((y - y_pred) ** 2)


class OwnTest(keras.Sequential):
    def test_step(self, data):
        x, y = data
        y_pred = self(x, training=False)
        loss = self.compute_loss(x, y, y_pred, training=False)
        return {"loss": loss, "largest": keras.ops.max(y_pred)}


def one_number_a_batch(y, y_pred):
    return keras.ops.mean((y - y_pred) ** 2)


def losses_of_one_number(strategy) -> dict:
    """Runs of `Model.fit` and of `fit` with losses that Keras does not divide by the replicas."""
    draw = np.random.default_rng(0).normal
    x, y = draw(size=(32, 4)).astype("float32"), draw(size=(32, 1)).astype("float32")
    found: dict = {}
    for kind, made, loss in (
        ("function", keras.Sequential, one_number_a_batch),
        ("compute_loss", OwnLoss, "mse"),
        ("test_step", OwnTest, "mse"),
    ):
        for name, train_it in (("Model.fit", keras.Model.fit), ("fit", fit)):
            with strategy.scope():
                model = made([keras.Input((4,)), keras.layers.Dense(1, kernel_initializer="ones")])
                model.compile("sgd", loss)
            history = train_it(
                model,
                x,
                y,
                batch_size=8,
                epochs=2,
                shuffle=False,
                verbose=0,
                validation_data=(x[:16], y[:16]),
            ).history
            weights = model.get_weights()[0].ravel().tolist()
            found.setdefault(kind, {})[name] = [history, weights]
    return found


def evaluated(strategy) -> list:
    """What is evaluated, for several outputs and a metric of several numbers: ours, and Keras's."""
    targets = keras.utils.to_categorical(Y, 3)
    data = X, {"a": targets, "b": targets}

    def made():
        keras.utils.set_random_seed(1)
        inputs = keras.Input((8,))
        outputs = {name: keras.layers.Dense(3, name=name)(inputs) for name in "ab"}
        model = keras.Model(inputs, outputs)
        metrics = {"a": ["mae"], "b": [keras.metrics.F1Score(average=None)]}
        model.compile(keras.optimizers.SGD(0.0), {"a": "mse", "b": "mse"}, metrics=metrics)
        return model

    with strategy.scope():
        ours = made()
    fit(ours, *data, epochs=1, verbose=0)
    found = [
        (evaluate(ours, *data, steps=steps, verbose=0), made().evaluate(*data, steps=steps))
        for steps in (None, 2)
    ]
    return keras.tree.map_structure(lambda value: np.asarray(value).tolist(), found)


def main() -> None:
    strategy = make_strategy("mirrored", 2)
    found: dict = {}
    for policy in ("float32", "mixed_bfloat16", "mixed_float16"):
        with strategy.scope():
            optimizer = keras.optimizers.SGD(0.1, 0.9, clipnorm=1.0)
            if policy == "mixed_float16":
                # So large a scale overflows in the first steps: both replicas have to skip them.
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0**24)
        model = train(strategy, policy, optimizer)
        found[policy] = {
            "losses": model.history.history["loss"],
            "copies_differ": copies_differ(strategy, model),
            "moving_mean": model.layers[1].moving_mean.numpy().tolist(),
        }
        if policy == "mixed_float16":
            found["scale"] = float(model.optimizer.dynamic_scale.numpy())
    reduction = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    keras.config.set_dtype_policy("float32")
    with strategy.scope():
        summed = small_model()
        summed.compile("sgd", reduction)
    found["refused"] = {
        "jit_compile": refusal(lambda: train(strategy, jit_compile=True)),
        "reduction": refusal(lambda: fit(summed, X, Y, verbose=0)),
        "callback": refusal(
            lambda: train(strategy, callbacks=[keras.callbacks.BackupAndRestore("unused")])
        ),
        "generator": refusal(lambda: fit(train(strategy), iter([(X, Y)]), verbose=0)),
    }
    accumulating = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    found["refused"]["accumulation"] = refusal(lambda: train(strategy, optimizer=accumulating))
    found["own_steps"] = own_steps(strategy)
    found["one_number"] = losses_of_one_number(strategy)
    found["evaluated"] = evaluated(strategy)
    found["devices"] = len(tf.config.list_logical_devices("CPU"))
    print("FOUND " + json.dumps(found))


if __name__ == "__main__":
    main()
