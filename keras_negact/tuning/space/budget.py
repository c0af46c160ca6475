"""What a network costs, and how much it may."""

from dataclasses import dataclass

from keras_negact import _checks

MEASURES = ("parameters", "multiply_adds")


@dataclass(frozen=True)
class Cost:
    """What a network of a search costs.

    Attributes:
        parameters: its weights.
        multiply_adds: for one example: of its convolutions, dense layers and blocks, and one for
            each value of other activations that are no plain rectifiers.
        relative: for each measure, how many times the cost of the network without the block.

    Examples:
        >>> def network():
        ...     convolution = keras.layers.Conv2D(4, 3, activation="relu")
        ...     pool = keras.layers.GlobalAveragePooling2D()
        ...     return keras.Sequential([keras.Input((8, 8, 1)), convolution, pool])
        >>> hypermodel = LENIHyperModel(network, compile={"loss": "mse"})
        >>> cost = hypermodel.cost(hypermodel.parameters())
        >>> cost.parameters, cost.relative["parameters"]
        (84, 2.1)
    """

    parameters: int
    multiply_adds: float
    relative: dict[str, float]


@dataclass(frozen=True)
class Budget:
    """The most that a network may cost: points of the space over it never become trials.

    Formula: `cost <= max_cost * cost of the network without the block`.

    Args:
        max_cost: a factor, at least 1, so that the network without the block is within.
        measure: `"parameters"` or `"multiply_adds"`.

    Raises:
        ValueError: when an argument is not allowed.

    Examples:
        >>> budget = Budget(1.5, "parameters")
        >>> twice = {"parameters": 2.0, "multiply_adds": 1.0}
        >>> budget.allows(Cost(parameters=200, multiply_adds=1000, relative=twice))
        False
    """

    max_cost: float
    measure: str = "parameters"

    def __post_init__(self):
        # The network without the block, which is in the space, costs 1.
        _checks.number("max_cost", self.max_cost, 1)
        _checks.one_of("measure", self.measure, MEASURES)

    def allows(self, cost: Cost) -> bool:
        """Whether a network of that cost is within the budget."""
        return cost.relative[self.measure] <= self.max_cost
