"""What `accuracy.py` measures: for each study the data set, the network and the variants."""

import functools
from dataclasses import dataclass

import _accuracy_designs
from _ablations import ABLATIONS, HALVED, ablation_variants
from _accuracy_search import PEAK, WEIGHT_DECAY

from keras_negact.comparison import ACTIVATIONS, Variant, activation_variants
from keras_negact.comparison.compare import weights_path
from keras_negact.models import cifar_resnet, on_off_cnn

SHORT_LIST = ("relu", "prelu", "silu", "mish", "funnel", "on_off_relu_halved", "leni")
SHAPES = {
    "cifar10": (32, 32, 3),
    "fashion_mnist": (28, 28, 1),
    "rhythms": (512, 1),
}


@dataclass(frozen=True)
class Protocol:
    """How much of everything.

    Attributes:
        images: to train on.
        evaluated_images: of the validation and of the test set, at most.
        square: of pixels, whose mean is one pixel: its side. 1 leaves images as they are.
        rhythms: signals to train on; twice as many to validate and to test.
        epochs, fine_tuning_epochs, search_epochs: of training.
        seeds: the runs of each variant.
        peak: of the learning rate (SGD with momentum), the middle of the search.
        weight_decay: decoupled.
    """

    images: int
    evaluated_images: int
    square: int
    rhythms: int
    epochs: int
    fine_tuning_epochs: int
    search_epochs: int
    seeds: int
    batch_size: int = 128
    peak: float = PEAK
    weight_decay: float = WEIGHT_DECAY
    workers: int = 1


PROTOCOLS = {
    "full": Protocol(45_000, 10_000, 1, 8_000, 60, 10, 20, seeds=5, workers=2),
    "reduced": Protocol(4_000, 10_000, 2, 1_500, 10, 3, 5, seeds=3, batch_size=64),
    "smoke": Protocol(200, 100, 2, 120, 1, 1, 1, seeds=2, batch_size=64),
}


@dataclass(frozen=True)
class Study:
    """One comparison.

    Attributes:
        dataset: its data.
        variants: from a name to a function that builds the model.
        reference: what the others are compared to.
        network: for the record, and for the learning rates that were chosen for it.
        epochs: of training.
        rate: of learning, as a part of the protocol's.
        tables: further summaries of parts of the variants.
        seeds: instead of the protocol's.
        evaluate_on: `"validation"` where something is still to be chosen.
    """

    dataset: str
    variants: dict
    network: str
    epochs: int
    reference: str = "relu"
    rate: float = 1.0
    tables: dict | None = None
    seeds: tuple[int, ...] | None = None
    evaluate_on: str = "test"


def resnet20(dataset, protocol, width=16):
    return functools.partial(cifar_resnet, 20, input_shape(dataset, protocol), 10, width=width)


def plain_cnn(dataset, protocol, width=32):
    classes = 3 if dataset == "rhythms" else 10
    shape = input_shape(dataset, protocol)
    return functools.partial(on_off_cnn, shape, classes, "relu", "conventional", width=width)


def studies(protocol: Protocol, pretrained) -> dict[str, Study]:
    """All studies, in the order in which they are run.

    Args:
        protocol: how much of everything.
        pretrained: the folder of the study `pretraining`.
    """
    narrow = _narrow_resnets(protocol)
    half_cnn = activation_variants(plain_cnn("cifar10", protocol, 16), ["leni"])
    return {
        "designs": Study(
            "cifar10",
            _accuracy_designs.designs(resnet20("cifar10", protocol)),
            "cifar_resnet20",
            protocol.epochs,
            seeds=_accuracy_designs.SEEDS,
            evaluate_on="validation",
        ),
        "protocols": Study(
            "cifar10",
            _on_off_protocols(protocol),
            "on_off_cnn",
            protocol.epochs,
            reference="conventional",
        ),
        "resnet20": Study(
            "cifar10",
            {
                **_with_ablations(resnet20("cifar10", protocol)),
                **narrow,
            },
            "cifar_resnet20",
            protocol.epochs,
            tables={
                "activations": [*ACTIVATIONS, *ABLATIONS, HALVED, "leni 1/2"],
                "compensation": ["relu", "leni", HALVED, *narrow],
            },
        ),
        "cnn": Study(
            "cifar10",
            {
                **_with_ablations(plain_cnn("cifar10", protocol)),
                **_renamed(half_cnn, "1/2"),
            },
            "on_off_cnn",
            protocol.epochs,
        ),
        "pretraining": Study(
            "cifar10",
            activation_variants(resnet20("cifar10", protocol), ["relu"]),
            "cifar_resnet20",
            protocol.epochs,
        ),
        "fine_tuning": Study(
            "cifar10",
            _swapped(protocol, pretrained),
            "cifar_resnet20",
            protocol.fine_tuning_epochs,
            rate=0.1,
        ),
        "fashion_mnist": Study(
            "fashion_mnist",
            activation_variants(plain_cnn("fashion_mnist", protocol), SHORT_LIST),
            "on_off_cnn",
            protocol.epochs,
        ),
        "rhythms": Study(
            "rhythms",
            activation_variants(plain_cnn("rhythms", protocol, 16), SHORT_LIST),
            "on_off_cnn",
            protocol.epochs,
        ),
    }


def input_shape(dataset, protocol):
    """Of one example."""
    *sides, channels = SHAPES[dataset]
    square = 1 if dataset == "rhythms" else protocol.square
    return (*(side // square for side in sides), channels)


def _with_ablations(build):
    return {**activation_variants(build), **ablation_variants(build)}


def _on_off_protocols(protocol):
    variants = {}
    for retina in (False, True):
        for name in ("conventional", "full", "halved", "conventional_half"):
            doubles = name in ("full", "halved")
            activation = "on_off_relu" if doubles else "relu"
            build = functools.partial(
                on_off_cnn,
                input_shape("cifar10", protocol),
                10,
                activation,
                name,
                retina,
            )
            variants[f"{name}, retina" if retina else name] = Variant(build, activation)
    return variants


def _narrow_resnets(protocol):
    variants = {}
    for part, width in (("1/2", 8), ("3/4", 12)):
        narrow = activation_variants(resnet20("cifar10", protocol, width), ["relu", "leni"])
        variants |= _renamed(narrow, part)
    return variants


def _renamed(variants, part):
    return {f"{name} {part}": build for name, build in variants.items()}


def _swapped(protocol, pretrained):
    """A ReLU network trained from the run's own seed, with its activations swapped."""

    def trained(seed):
        model = activation_variants(resnet20("cifar10", protocol), ["relu"])["relu"]()
        path = weights_path(pretrained, "relu", seed)
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there: run the study `pretraining` first.")
        model.load_weights(path)
        return model

    return activation_variants(trained, SHORT_LIST, fresh=False)
