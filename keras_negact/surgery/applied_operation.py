"""An operation of a network's graph as a layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="keras_negact")
class AppliedOperation(keras.Layer):
    """Calls an operation as a network did: `y = operation(*before, x, *after, **keywords)`.

    It stands in a block for an operation, such as `keras.ops.clip(x, 0, 5)`, of which nothing is
    known but that it keeps the shape of its input.

    Args:
        operation: a `keras.Operation`.
        before, after: what it is given before and behind the input.
        keywords: what it is given by name.
        **kwargs: arguments of `keras.Layer`.
    """

    def __init__(
        self,
        operation: keras.Operation,
        before: Sequence = (),
        after: Sequence = (),
        keywords: Mapping[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.operation = operation
        self.before, self.after = tuple(before), tuple(after)
        self.keywords = dict(keywords or {})
        self.supports_masking = True

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        return self.operation(*self.before, inputs, *self.after, **self.keywords)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        # Keras serializes what is in it when it saves; in memory classes need no registration.
        own = {name: getattr(self, name) for name in _ARGUMENTS}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        if isinstance(config["operation"], keras.Operation):
            return cls(**config)
        own = {name: keras.saving.deserialize_keras_object(config[name]) for name in _ARGUMENTS}
        return cls(**{**config, **own})


_ARGUMENTS = ("operation", "before", "after", "keywords")
