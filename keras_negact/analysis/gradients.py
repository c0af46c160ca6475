"""Which units a gradient reaches, on any of Keras's backends."""

import keras
import numpy as np
from keras import ops

from keras_negact.analysis.replay import Replay
from keras_negact.surgery.sites import Site


def units_without_gradient(replay: Replay, inputs) -> dict[str, float]:
    """The share of units in front of each activation that one backward pass does not reach.

    A unit is one value of one example. The pass starts with a random direction on the outputs, so
    that it reaches whatever any loss could reach, and labels are not needed.

    The gradient is got without a word to the backend: a weight of zeros is added to each unit, and
    one step of SGD with learning rate 1 leaves minus the gradient in it.

    Args:
        replay: of the network.
        inputs: a batch, as the network takes it.

    Returns:
        For each site's path a share from 0 to 1.
    """
    shapes: dict[Site, list[tuple]] = {site: [] for site in replay.sites}

    def note_shape(site, x, function):
        shapes[site].append(tuple(x.shape))
        return function(x)

    outputs = replay(inputs, note_shape)
    probed = _Probed(replay, shapes)
    directions = np.concatenate([_direction(output) for output in outputs], axis=1)
    # A scaled loss that overflows would leave the probes as they are.
    probed.compile(keras.optimizers.SGD(1.0), loss=_along, run_eagerly=True, auto_scale_loss=False)
    probed.train_on_batch(inputs, directions)
    return {
        site.path: float(
            np.mean(np.concatenate([np.ravel(ops.convert_to_numpy(p.value)) for p in probes]) == 0)
        )
        for site, probes in probed.probes_of.items()
    }


class _Probed(keras.Model):
    """The network with a weight of zeros added to every unit in front of its activations."""

    def __init__(self, replay: Replay, shapes: dict[Site, list[tuple]]):
        super().__init__(name="probed", dtype="float32", autocast=False)
        # In a closure: as an attribute, the network's layers would become this model's.
        self._run = lambda *arguments: replay(*arguments)
        self.probes_of = {
            site: [self.add_weight(shape=shape, initializer="zeros") for shape in of_calls]
            for site, of_calls in shapes.items()
        }

    # Without an argument `training`, so that the layers run as they do in inference.
    def call(self, inputs):
        left = {site: iter(probes) for site, probes in self.probes_of.items()}

        def with_probe(site, x, function):
            return function(x + ops.cast(next(left[site]), x.dtype))

        outputs = self._run(inputs, with_probe)
        return ops.concatenate([_flat(output) for output in outputs], axis=1)


def _along(directions, outputs):
    return ops.sum(directions * outputs, axis=1)


def _direction(output) -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.normal(size=_flat(output).shape).astype("float32")


def _flat(output):
    return ops.cast(ops.reshape(output, (ops.shape(output)[0], -1)), "float32")
