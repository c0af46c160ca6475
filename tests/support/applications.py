"""The networks of keras.applications, with weights that show mistakes, and a census of their own.

The census reads the networks' configurations, not their graphs, so that it shares nothing with the
code that it is to check.
"""

import keras
import numpy as np

from tests.support.backends import to_numpy

NETWORKS = (
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
    *(f"DenseNet{depth}" for depth in (121, 169, 201)),
    *(f"EfficientNetB{number}" for number in range(8)),
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetLarge",
    "NASNetMobile",
    *(f"ResNet{depth}{version}" for depth in (50, 101, 152) for version in ("", "V2")),
    "VGG16",
    "VGG19",
    "Xception",
)
# Small enough to be quick, large enough for the network to accept.
_SIZES = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
_NOT_SWAPPED = ("linear", "sigmoid", "softmax")


def network(name: str, include_top: bool) -> keras.Model:
    """A network with random weights whose batch normalizations all do something."""
    size = _SIZES.get(name, 32)
    arguments = {"classifier_activation": None} if include_top else {"include_top": False}
    keras.utils.set_random_seed(1)
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(size, size, 3), **arguments
    )
    scramble_batch_normalization(model)
    return model


def scramble_batch_normalization(model: keras.Model, seed: int = 0) -> None:
    """Give every batch normalization statistics and weights of its own."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.Sequential):
            scramble_batch_normalization(layer, seed)
        if isinstance(layer, keras.layers.BatchNormalization):
            channels = layer.moving_mean.shape
            layer.moving_mean.assign(rng.normal(0, 0.1, channels))
            layer.moving_variance.assign(rng.uniform(0.5, 2, channels))
            if layer.scale:
                layer.gamma.assign(rng.uniform(0.7, 1.4, channels))
            if layer.center:
                layer.beta.assign(rng.normal(0, 0.1, channels))


def images(model: keras.Model, seed: int = 0) -> np.ndarray:
    """Two random images in the range that most of the networks expect."""
    shape = (2, *model.input_shape[1:])
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def relative_difference(first, second) -> float:
    """The largest difference, in units of the first one's largest magnitude."""
    first, second = (to_numpy(x).astype("float64") for x in (first, second))
    return float(np.abs(first - second).max() / np.abs(first).max())


def census(model: keras.Model) -> dict[str, int]:
    """How many activations of each function the network has to swap: neither gates nor heads."""
    counts: dict[str, int] = {}
    config = model.get_config()
    heads = {entry[0] for entry in _leaves(config["output_layers"])}
    for layer in _flat(config["layers"]):
        function = _function(layer)
        is_head = layer["config"].get("name") in heads and len(model.output_shape) == 2
        if function not in (None, *_NOT_SWAPPED) and not is_head and not _follows_addition(layer):
            counts[function] = counts.get(function, 0) + 1
    return counts


def _flat(layers):
    for layer in layers:
        yield layer
        yield from _flat(layer["config"].get("layers", ()))


def _leaves(structure):
    if structure and isinstance(structure[0], str):
        return [structure]
    return [leaf for part in structure for leaf in _leaves(part)]


def _function(layer) -> str | None:
    if layer["class_name"] == "ReLU":
        return "relu6" if layer["config"]["max_value"] == 6 else "relu"
    return layer["config"].get("activation")


def _follows_addition(layer) -> bool:
    """MobileNetV3's gates are the ReLU6 layers whose input is `x + 3`, an operation node."""
    return layer["class_name"] == "ReLU" and "keras_history': ['add" in str(
        layer.get("inbound_nodes", "")
    )
