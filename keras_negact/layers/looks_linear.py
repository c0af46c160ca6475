"""The initializer for a layer that reads a pair of rectified parts."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_negact._checks import number


@keras.saving.register_keras_serializable(package="keras_negact")
class LooksLinear(keras.initializers.Initializer):
    """Starts the layer behind `OnOffReLU` or `LENI(compression=None)` as a linear one.

    Formula: the kernel `[W, -slope * W]` along its input channels, so that

        [W, -slope * W] [relu(x), relu(-x)] = W relu(x) - slope * W relu(-x)

    which is `W x` with a slope of 1, `W` behind a leaky ReLU with one of 1/4, and `W` behind a ReLU
    with one of 0. Behind `LENI(compression=None)` the same holds once its kernel passes the
    negative part on, as under `start="leaky", slope=-1`.

    The paper has `[W, -W]`, with `W` orthogonal. Other slopes and initializers are this package's.

    Args:
        slope: a number, without unit.
        initializer: of `W`: an initializer, its name or its configuration. It draws a kernel that
            reads half of the channels. `None`: `"he_normal"` for a slope of 0, else
            `VarianceScaling` with the scale `2 / (1 + slope ** 2)`, under which the response keeps
            its second moment.

    Raises:
        ValueError: if `slope` is not a finite number; when the kernel has fewer than two axes or an
            odd number of input channels.

    Source:
        Balduzzi, Frean, Leary, Lewis, Ma, McWilliams, *The Shattered Gradients Problem*, ICML 2017,
        section 4. For kernels without groups: in a group of `[on | off]` channels the two halves
        would not be those of the same channels.

    Examples:
        >>> behind = keras.layers.Dense(4, kernel_initializer=LooksLinear())
        >>> model = keras.Sequential([keras.Input((3,)), OnOffReLU(), behind])
        >>> on, off = np.split(np.asarray(behind.kernel), 2)
        >>> bool(np.all(off == -on))
        True
    """

    def __init__(self, slope: float = 1.0, initializer: Any = None):
        self.slope = number("slope", slope)
        if initializer is None:
            initializer = keras.initializers.VarianceScaling(
                2 / (1 + self.slope**2), mode="fan_in", distribution="truncated_normal"
            )
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, shape: Sequence[int], dtype: Any = None, **kwargs: Any) -> Any:
        if len(shape) < 2 or shape[-2] % 2:
            raise ValueError(
                "LooksLinear is for kernels (*taps, input channels, outputs) with an even number "
                f"of input channels. Received the shape: {tuple(shape)}"
            )
        kernel = self.initializer((*shape[:-2], shape[-2] // 2, shape[-1]), dtype=dtype, **kwargs)
        return ops.concatenate([kernel, -self.slope * kernel], axis=-2)

    def get_config(self) -> dict[str, Any]:
        initializer = keras.saving.serialize_keras_object(self.initializer)
        return {"slope": self.slope, "initializer": initializer}
