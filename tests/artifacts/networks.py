"""What the artifacts are of. Frozen: written files and their outputs belong to this text.

It uses the package's public names alone, so that it runs on every version of it.
"""

import inspect

import keras
import keras_tuner
import numpy as np

LAYERS = keras.layers
EPOCHS, CUT_AFTER = 4, 2


def first_gain() -> dict:
    """What a training that began with the first version's default goes on with."""
    from keras_negact import LENI

    known = inspect.signature(LENI).parameters
    return {"kernel_gain": 1.0} if "kernel_gain" in known else {}


def lenis() -> dict[str, dict]:
    """Arguments of LENI for images: every compression, start, transformation and inner layer."""
    return {
        "default": {},
        "keep": {"start": "keep"},
        "leaky": {"start": "leaky"},
        "random": {"start": "random"},
        "sum": {"compression": "sum"},
        "sum_leaky": {"compression": "sum", "start": "leaky"},
        "sum_without_kernel": {"compression": "sum", "transform": None},
        "concatenated": {"compression": None},
        "concatenated_leaky": {"compression": None, "start": "leaky"},
        "mixed": {"compression": "pointwise"},
        "mixed_in_groups": {"compression": "pointwise", "groups": 2, "filters": 6},
        "pointwise": {"transform": "pointwise"},
        "pointwise_leaky": {"transform": "pointwise", "transform_groups": 2, "start": "leaky"},
        "scaled_leaky": {"transform": None, "start": "leaky"},
        "biased": {"use_bias": True, "kernel_size": (1, 3)},
        "normalized": {"normalization": "batch"},
        "normalized_by_layer": {"normalization": LAYERS.LayerNormalization(), "use_bias": True},
        "normalized_random": {"normalization": "batch", "compression": None, "start": "random"},
        "transformed_by_layer": {"transform": LAYERS.Conv2D(4, 3, padding="same")},
        "prelu": {"activation": LAYERS.PReLU(shared_axes=[1, 2])},
        "gelu": {"activation": "gelu", "kernel_size": 5},
        "initialized": {
            "kernel_initializer": keras.initializers.Constant(0.2),
            "scale_initializer": keras.initializers.Constant(0.7),
            "kernel_regularizer": keras.regularizers.L2(1e-3),
            "scale_constraint": keras.constraints.NonNeg(),
        },
    }


def leni_network() -> keras.Model:
    from keras_negact import LENI

    images = keras.Input((6, 5, 4), name="images")
    outputs = {name: LENI(**more, name=name)(images) for name, more in lenis().items()}
    return keras.Model(images, outputs)


def leni_ranks_network() -> keras.Model:
    from keras_negact import LENI

    features, signal = keras.Input((5,), name="features"), keras.Input((None, 3), name="signal")
    volume = keras.Input((3, 4, 3, 2), name="volume")
    outputs = {
        "features": LENI(name="on_features")(features),
        "signal": LENI(name="on_signal", start="leaky")(signal),
        "volume": LENI(name="on_volume")(volume),
    }
    return keras.Model([features, signal, volume], outputs)


def on_off_network() -> keras.Model:
    from keras_negact import OnOffReLU, RetinalOpponency

    images = keras.Input((8, 7, 3), name="images")
    outputs = {
        "on_off": OnOffReLU(name="on_off")(images),
        "capped": OnOffReLU(max_value=0.5, name="capped")(images),
        "channels_first": OnOffReLU(data_format="channels_first", name="channels_first")(images),
        "retina": RetinalOpponency(name="retina")(images),
        "learnable": RetinalOpponency(scales=2, learnable=True, name="learnable")(images),
    }
    return keras.Model(images, outputs)


def helpers_network() -> keras.Model:
    """The registered names that networks get without being asked for by them."""
    import keras_negact.comparison  # noqa: F401  Early versions registered some of them there.
    from keras_negact import LENI

    # By their registered names, since they have no public ones.
    GatherChannels, FunnelReLU, FilteredReLU, gelu_tanh = (
        keras.saving.get_registered_object(f"keras_negact>{name}")
        for name in ("GatherChannels", "FunnelReLU", "FilteredReLU", "gelu_tanh")
    )

    images = keras.Input((6, 5, 4), name="images")
    outputs = {
        "gathered": GatherChannels([3, 0, 0, 1, 2, 3], name="gathered")(images),
        "funnel": FunnelReLU(name="funnel")(images),
        "filtered": FilteredReLU(kernel_size=5, name="filtered")(images),
        "gelu_tanh": LAYERS.Activation(gelu_tanh, name="gelu_tanh")(images),
        "leni_on_gelu_tanh": LENI(activation=gelu_tanh, name="leni_on_gelu_tanh")(images),
    }
    return keras.Model(images, outputs)


def source_network(activation="relu") -> keras.Model:
    """With a grouped convolution, which gathers its channels when the width doubles."""
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            LAYERS.Conv2D(4, 3, activation=activation, name="first"),
            LAYERS.BatchNormalization(name="norm"),
            LAYERS.Conv2D(4, 3, groups=2, name="grouped"),
            LAYERS.ReLU(name="relu"),
            LAYERS.GlobalAveragePooling2D(name="pool"),
            LAYERS.Dense(3, name="logits"),
        ]
    )


def perturbed(model: keras.Model, seed: int = 0) -> keras.Model:
    """The model, with weights as far from their start as training brings them."""
    generator = np.random.default_rng(seed)
    for variable in model.weights:
        if "seed" not in variable.name:
            noise = 0.1 * np.abs(generator.normal(size=variable.shape))
            variable.assign(variable.numpy() + noise)
    return model


def inputs_of(model: keras.Model, seed: int = 1) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    shapes = [[size or 7 for size in one.shape[1:]] for one in model.inputs]
    return [generator.normal(size=(2, *shape)).astype("float32") for shape in shapes]


def outputs_of(model: keras.Model, inputs: list[np.ndarray]) -> dict[str, np.ndarray]:
    outputs = model(inputs if len(inputs) > 1 else inputs[0])
    outputs = outputs if isinstance(outputs, dict) else {"outputs": outputs}
    return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}


def training_data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(20, 6, 6, 2)).astype("float32")
    return x, (x.mean((1, 2)) @ [[1], [-1]] > 0).astype("int32")[:, 0]


def trained_network() -> keras.Model:
    """Compiled: batch normalization, dropout and an optimizer with slots around a LENI."""
    from keras_negact import LENI

    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            LAYERS.Conv2D(3, 3, name="convolution"),
            LAYERS.BatchNormalization(name="norm"),
            LENI(name="leni", **first_gain()),
            LAYERS.Dropout(0.2, seed=5),
            LAYERS.GlobalAveragePooling2D(name="pool"),
            LAYERS.Dense(2, name="logits"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def train(folder, epochs: int) -> keras.Model:
    """Train up to an epoch, with a backup in a folder."""
    from keras_negact.training import Backup, fit

    model = trained_network()
    x, y = training_data()
    backup = Backup(folder)
    fit(model, x, y, batch_size=10, epochs=epochs, verbose=0, callbacks=[backup])
    return model


class Toy(keras_tuner.HyperModel):
    """A search whose score is known without training; `runs` are the points that were tried."""

    def __init__(self):
        super().__init__()
        self.runs = []

    def build(self, hp):
        hp.Choice("width", [0, 1, 2, 3])
        hp.Choice("height", [0, 1, 2])
        return keras.Sequential([keras.Input((1,)), LAYERS.Dense(1)])

    def fit(self, hp, model, *args, callbacks=(), **kwargs):
        point = hp.get("width"), hp.get("height")
        self.runs.append(point)
        score = point[0] + point[1] / 10
        for callback in callbacks:
            callback.set_model(model)
            callback.on_epoch_end(0, {"val_accuracy": score})
        return {"val_accuracy": score}


def search(folder, max_trials: int):
    """A tuner over the toy, and the toy."""
    from keras_negact.tuning import RandomSearch

    toy = Toy()
    return RandomSearch(toy, max_trials=max_trials, seed=0, directory=folder), toy


def compared_network(activation: str) -> keras.Model:
    from keras_negact import LENI

    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            LAYERS.Conv2D(3, 3, name="convolution"),
            LENI(name="activation", **first_gain())
            if activation == "leni"
            else LAYERS.ReLU(name="activation"),
            LAYERS.GlobalAveragePooling2D(name="pool"),
            LAYERS.Dense(2, name="logits"),
        ],
        name="compared",
    )


VARIANTS = {
    "relu": lambda: compared_network("relu"),
    "leni": lambda: compared_network("leni"),
}


def compare(folder, seeds: int):
    """Compare ReLU and LENI on images of noise."""
    from keras_negact.comparison import array_data, compare_activations

    generator = np.random.default_rng(0)

    def examples(count):
        labels = generator.integers(0, 2, count)
        bright = 30 * labels[:, None, None, None]
        return (bright + generator.integers(0, 155, (count, 6, 6, 1))).astype("uint8"), labels

    data = array_data("noise", examples(32), examples(16), examples(16), batch_size=16)
    return compare_activations(VARIANTS, data, seeds, EPOCHS, folder, keep_weights=True, verbose=0)


def compared_weights(folder, activation: str) -> dict[str, np.ndarray]:
    """What a run of the second seed ended with."""
    from keras_negact.comparison.compare import weights_path

    network = VARIANTS[activation]()
    network.load_weights(weights_path(folder, activation, 1))
    weights = zip(network.weights, network.get_weights(), strict=True)
    return {f"{activation} {weight.path}": value for weight, value in weights}
