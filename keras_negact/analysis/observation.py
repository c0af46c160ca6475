"""What reaches an activation, summed up over the data."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from keras_negact.surgery.sites import Site


class Observation:
    """Sums over the examples seen so far at one site, in float64.

    Args:
        site: the activation.
    """

    def __init__(self, site: Site):
        self.site = site
        self.count = self.negatives = 0
        self.energy = self.negative_energy = self.seen_energy = 0.0
        # As wide as what comes in; the site's own shape is that of what goes out.
        self.ever_positive: np.ndarray | bool = False

    def add(self, x, function: Callable):
        """Take in a batch of feature maps.

        Args:
            x: the feature maps in front of the activation.
            function: the activation.

        Returns:
            `function(x)`.
        """
        y = function(x)
        without_negative = function(ops.relu(x))
        difference = _numpy(y) - _numpy(without_negative)
        values = _numpy(x)
        others = tuple(axis for axis in range(values.ndim) if axis != self.site.axis % values.ndim)
        self.count += values.size
        self.negatives += int(np.sum(values < 0))
        self.energy += float(np.sum(values**2))
        self.negative_energy += float(np.sum(np.minimum(values, 0) ** 2))
        self.seen_energy += float(np.sum(difference**2))
        self.ever_positive = self.ever_positive | np.any(values > 0, axis=others)
        return y

    @property
    def dead_channels(self) -> float:
        """The share of channels that are positive nowhere on any example."""
        return float(np.mean(~self.ever_positive))

    @property
    def negative_share(self) -> float:
        """The share of values in front of the activation that are negative."""
        return self.negatives / self.count

    @property
    def discarded_energy(self) -> float:
        """`||relu(-x)||^2 / ||x||^2`: what a ReLU there would discard."""
        return self.negative_energy / self.energy if self.energy else 0.0

    @property
    def seen_share(self) -> float:
        """`||f(x) - f(relu(x))||^2 / ||relu(-x)||^2`: what the layer behind is given of that."""
        return self.seen_energy / self.negative_energy if self.negative_energy else 0.0


def _numpy(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(ops.cast(tensor, "float32")).astype("float64")
