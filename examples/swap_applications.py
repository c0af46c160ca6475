"""Put LENI or OnOffReLU into a network of keras.applications, and keep the result.

    python examples/swap_applications.py ResNet50
    python examples/swap_applications.py MobileNetV2 --activation on_off_relu --on-conflict compress
    python examples/swap_applications.py VGG16 --weights imagenet --output vgg16_leni.keras

Prints the plan, applies it, compares the outputs of the two networks on random images, and saves
the new one. `--weights` takes `none` (random ones), `imagenet` (Keras fetches them), or a file.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_negact import plan_activation_swap
from keras_negact._checks import one_of, writable_file
from keras_negact._command_line import integer, refusing


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="a network in keras.applications, such as ResNet50")
    parser.add_argument("--activation", default="leni", help="leni, on_off_relu, or one of Keras's")
    parser.add_argument("--channels", choices=["keep", "double", "halve"])
    parser.add_argument("--on-conflict", choices=["skip", "compress", "raise"], default="skip")
    parser.add_argument("--where", action="append", help="a regular expression; may be repeated")
    parser.add_argument("--weights", default="none", help="imagenet, none, or a weights file")
    parser.add_argument(
        "--size", type=integer(1), help="height and width; the network's own by default"
    )
    parser.add_argument(
        "--images", type=integer(1), default=2, help="how many random images to compare"
    )
    parser.add_argument("--output", type=Path, help="NAME_ACTIVATION.keras by default")
    return parser.parse_args()


def load(name: str, weights: str, size: int | None) -> keras.Model:
    """The network, with logits for its outputs."""
    names = [known for known in dir(keras.applications) if known[0].isupper()]
    build = getattr(keras.applications, one_of("name", name, names))
    if weights not in ("none", "imagenet") and not Path(weights).is_file():
        raise ValueError(
            f"`--weights` must be none, imagenet, or a file that is there. Received: {weights!r}"
        )
    shape = {} if size is None else {"input_shape": (size, size, 3)}
    if weights in ("none", "imagenet"):
        weights = None if weights == "none" else weights
        return build(weights=weights, classifier_activation=None, **shape)
    model = build(weights=None, classifier_activation=None, **shape)
    try:
        model.load_weights(weights)
    # A file that is something else can fail in any way.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{weights} holds no weights of {name} ({reason}).") from error
    return model


def main() -> None:
    with refusing():
        given = arguments()
        output = given.output or Path(f"{given.name.lower()}_{given.activation}.keras")
        writable_file("--output", output)
        model = load(given.name, given.weights, given.size)
        plan = plan_activation_swap(
            model,
            given.activation,
            where=given.where,
            channels=given.channels,
            on_conflict=given.on_conflict,
        )
        print(plan)
        clone = plan.apply()

    shape = (given.images, *model.input_shape[1:])
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")
    before, after = model.predict(images, verbose=0), clone.predict(images, verbose=0)
    difference = np.abs(before - after).max() / np.abs(before).max()
    print(f"\nlargest difference of the outputs: {difference:.1e} of their largest magnitude")

    temporary = output.with_name("unfinished_" + output.name)
    clone.save(temporary)
    temporary.replace(output)
    print(f"saved to {output}")


if __name__ == "__main__":
    main()
