"""For loops in which every run has a network of its own."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def new_models() -> Iterator[None]:
    """Without TensorFlow's warning that a function was traced again.

    It counts by the place in Keras's code, and so takes the first step of each new network for one
    more tracing of the last one's.
    """
    logger = logging.getLogger("tensorflow")
    logger.addFilter(_is_about_something_else)
    try:
        yield
    finally:
        logger.removeFilter(_is_about_something_else)


def _is_about_something_else(record: logging.LogRecord) -> bool:
    return "triggered tf.function retracing" not in record.getMessage()
