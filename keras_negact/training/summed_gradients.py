"""An optimizer that takes gradients which are already summed over the replicas."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def already_summed(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Keep `optimizer.apply` from summing the gradients over the replicas.

    Keras clips, unscales and checks each replica's own gradients and sums them afterwards, so with
    `clipnorm`, or one overflow under `mixed_float16`, replicas end elsewhere than a single process
    would. Here they are summed first. No public name turns Keras's own sum off.

    Raises:
        RuntimeError: if this version of Keras sums in another place.
    """
    summing = "_all_reduce_sum_gradients"
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not hasattr(optimizer, summing):
        raise RuntimeError(
            f"Keras {keras.__version__} sums gradients in a way that is not known here; "
            "Keras 3.14 and 3.15 are."
        )
    object.__setattr__(optimizer, summing, lambda gradients_and_variables: gradients_and_variables)
    try:
        yield
    finally:
        object.__delattr__(optimizer, summing)
