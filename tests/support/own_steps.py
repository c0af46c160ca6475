"""Models that say themselves what a training step is, as GANs and VAEs do."""

import keras
import numpy as np
import tensorflow as tf

X = np.random.default_rng(0).normal(size=(41, 4)).astype("float32")


class Adversarial(keras.Model):
    """Two networks, each with an optimizer; no `call`, no loss, metrics of its own."""

    def __init__(self, build_optimizers: bool = False):
        super().__init__()
        keras.utils.set_random_seed(2)
        self.maker = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
        self.judge = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        self.noise = keras.random.SeedGenerator(3)
        self.judged = keras.metrics.Mean("judged")
        self._build_optimizers = build_optimizers

    @property
    def metrics(self):
        return [self.judged]

    def compile(self, **arguments):
        super().compile(**arguments)
        self.maker_optimizer = keras.optimizers.Adam(0.01)
        self.judge_optimizer = keras.optimizers.Adam(0.01)
        if self._build_optimizers:
            self.maker_optimizer.build(self.maker.trainable_variables)
            self.judge_optimizer.build(self.judge.trainable_variables)

    def size_of(self, x):
        return tf.shape(x)[0]

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        noise = keras.random.normal((self.size_of(x), 2), seed=self.noise)
        with tf.GradientTape(persistent=True) as tape:
            made = self.maker(noise)
            judge_loss = tf.reduce_mean(self.judge(made) ** 2 + (self.judge(x) - 1) ** 2)
            maker_loss = tf.reduce_mean((self.judge(made) - 1) ** 2)
        for network, optimizer, loss in (
            (self.judge, self.judge_optimizer, judge_loss),
            (self.maker, self.maker_optimizer, maker_loss),
        ):
            variables = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        self.judged.update_state(judge_loss)
        return {"judged": self.judged.result(), "made": maker_loss}


class AdversarialWithOptimizersWithin(Adversarial):
    """One is in a dictionary, the other one that of a network compiled by itself."""

    def compile(self, **arguments):
        keras.Model.compile(self, **arguments)
        self.held = {"maker": [keras.optimizers.Adam(0.01)]}
        self.judge.compile(keras.optimizers.Adam(0.01))

    @property
    def maker_optimizer(self):
        return self.held["maker"][0]

    @property
    def judge_optimizer(self):
        return self.judge.optimizer


class AdversarialOfFixedSize(Adversarial):
    """Counts on batches that all have one size, which is known before there are any."""

    def size_of(self, x):
        assert x.shape[0] is not None
        return x.shape[0]


class Encoding(keras.Model):
    """An encoder and a decoder in one optimizer; without a loss, and with a call of its own."""

    def __init__(self):
        super().__init__()
        keras.utils.set_random_seed(2)
        self.encoder, self.decoder = keras.layers.Dense(2), keras.layers.Dense(4)
        self.error = keras.metrics.Mean("error")

    def call(self, x):
        return self.decoder(self.encoder(x))

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        with tf.GradientTape() as tape:
            error = tf.reduce_mean((self(x) - x) ** 2)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(error, variables), variables, strict=True))
        self.error.update_state(error)
        return {"error": self.error.result()}


class PlainValues(keras.Model):
    """A step that returns what is no metric: the mean of what it saw."""

    def __init__(self):
        super().__init__()
        self.layer = keras.layers.Dense(1)
        self.layer.build((None, 4))

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.layer(x) - 1) ** 2)
        variables = self.layer.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return {"first": tf.reduce_mean(x[:, 0]), "second": tf.reduce_mean(x[:, 1]) + 5}
